"""Properties are tested on few and small examples, and never fail for being slow: the machine may be busy."""

from hypothesis import settings

settings.register_profile("data", deadline=None, max_examples=40)
settings.load_profile("data")
