"""Scorers: one number a user, how likely the user is to withdraw."""
