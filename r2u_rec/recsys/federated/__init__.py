"""In-process federated training, and unlearning in it."""
