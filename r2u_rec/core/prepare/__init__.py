"""Ready2Unlearn: the inner step, the bounds, the meta-step and its settings."""
