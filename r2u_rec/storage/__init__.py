"""A fitted model in a folder."""
