"""Evaluation of models before and after erasure: ranking quality and the residual imprint of the erased users.

Ranking quality, imprint by fold-in, membership inference, the evaluator that judges a model against retrained
references and tests itself first, resistance, cost, statistics, and the canaries that set a step length.
"""
