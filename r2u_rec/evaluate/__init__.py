"""How well a model ranks, and what it still knows of those who left.

Ranking quality, imprint by fold-in, membership inference, the evaluator that judges a model against retrained
references and tests itself first, resistance, cost, statistics, and the canaries that set a step length.
"""
