"""A stream of deletion requests played against policies, on real models: what `simulate` runs."""
