"""Causal language models on documents: texts, tokenizers, models, and the task that the core trains and forgets."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
