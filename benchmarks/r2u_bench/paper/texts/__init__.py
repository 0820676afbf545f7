"""Trials on texts."""
