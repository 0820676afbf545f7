"""Recommenders as tasks of the core: batches and losses."""
