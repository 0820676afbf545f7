"""Toy models whose right answers are known by construction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass
class Table:
    """Scores users by a fixed table; folds in by the same fixed row for everyone."""

    table: np.ndarray

    def scores(self, users):
        return self.table[users]

    def fold_in(self, histories):
        return np.tile(self.table[0], (histories.shape[0], 1))


@dataclass
class Neighbours:
    """Folds in by item-item weights: the scores are A @ weights."""

    weights: np.ndarray

    def fold_in(self, histories):
        return np.asarray(histories @ self.weights, dtype=np.float64)


def random_histories(n_users: int, n_items: int, *, seed: int, lengths=(6, 15)) -> sparse.csr_array:
    rng = np.random.default_rng(seed)
    rows, cols = [], []
    for user in range(n_users):
        items = rng.choice(n_items, size=rng.integers(*lengths), replace=False)
        rows += [user] * len(items)
        cols += items.tolist()
    return sparse.csr_array((np.ones(len(rows), dtype=np.float32), (rows, cols)), shape=(n_users, n_items))


def noisy(n_items: int, *, seed: int) -> Neighbours:
    """A model that never saw anybody: random item-item weights with a part that all models share."""
    shared = np.random.default_rng(99).normal(size=(n_items, n_items))
    return Neighbours(shared + 0.5 * np.random.default_rng(seed).normal(size=(n_items, n_items)))


def remembering(histories: sparse.csr_array, users, *, seed: int, strength: float) -> Neighbours:
    """The same model, whose weights between two items rise (or, below zero, sink) for users who have both."""
    model = noisy(histories.shape[1], seed=seed)
    theirs = histories[np.asarray(users)].toarray()
    return Neighbours(model.weights + strength * (theirs.T @ theirs))


class NoGraph:
    """A task whose models stand on no records."""

    def attach(self, model, records):
        """Nothing to rebuild."""
