"""Training in shards: partitions and aggregations."""
