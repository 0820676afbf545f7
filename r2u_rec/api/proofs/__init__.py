"""What is measured: audits, comparisons, simulations, and the runs of the command line."""
