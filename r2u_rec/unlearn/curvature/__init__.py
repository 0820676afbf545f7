"""Edits by curvature: the block Newton step, influence, and the solvers behind them."""
