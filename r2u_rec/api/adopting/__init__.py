"""Models of other libraries that come in."""
