"""Clipping and DP-SGD, with an accountant."""
