"""Data sets by name: cards, fetching, loading."""
