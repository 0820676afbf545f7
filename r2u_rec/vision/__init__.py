"""Image classification: sets, the small network, the task, and what is measured on it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
