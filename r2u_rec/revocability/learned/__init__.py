"""A scorer that has learned from past withdrawals."""
