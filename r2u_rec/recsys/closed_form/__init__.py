"""Recommenders that are solved, not trained by steps."""
