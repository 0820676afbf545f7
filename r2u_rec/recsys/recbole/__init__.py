"""Models of the library recbole as tasks of the core."""
