"""Settings files and flags, compiled once into a Plan."""
