"""The report of a deletion simulation."""
