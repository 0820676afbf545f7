"""Trials on images."""
