"""The quantities that scorers are made of, as relational expressions."""
