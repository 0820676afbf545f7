"""Recommenders as torch modules."""
