"""Trials: settings in, rows out, in processes of their own, stored as they finish."""
