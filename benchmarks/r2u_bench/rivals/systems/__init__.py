"""The systems and recommenders that take part."""
