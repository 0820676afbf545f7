"""One experiment a figure or table."""
