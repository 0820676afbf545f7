"""Users likely to withdraw: scorers give every user a number, policies turn the numbers into a set of users.

Which data counts as revocable is a managerial decision; the behavioural scorers are an aid where nothing better is known.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
