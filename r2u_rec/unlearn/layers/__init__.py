"""Unlearning layers: a small student beside the model, fused into it."""
