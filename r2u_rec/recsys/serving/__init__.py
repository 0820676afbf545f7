"""Answers for users: recommendations, fold-in, the fallback."""
