"""Explanations, fairness and documentation of scorers."""
