"""Ways to forget."""
