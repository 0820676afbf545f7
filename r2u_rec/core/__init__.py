"""Learning to be forgotten: one training loop, Algorithm 1 and its options, and the protocols of the package.

This room knows torch and numpy, and nothing of what the records are.
"""
