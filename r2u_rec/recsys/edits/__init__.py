"""Edits that know the structure of recommenders."""
