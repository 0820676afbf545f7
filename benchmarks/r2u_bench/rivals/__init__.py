"""Every system on the same footing: recommenders, ways to train, ways to forget, and the benchmark that holds them together."""
