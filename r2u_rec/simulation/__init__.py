"""Erasure: requests, streams of them, and the simulation of what becomes of a recommender under a policy."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
