"""Balanced label propagation on the graph of who has what: each node moves to where most of its neighbours are, while there is room."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError


def narrow_capacity(n: int, k: int) -> int:
    """Returns ceil(n / k + .005 (n - n / k)), GraphEraser's size of a shard at most."""
    return int(np.ceil(n / k + 0.005 * (n - n / k) - 1e-9))


@dataclass(frozen=True)
class ByLabelPropagation:
    """Deals users by communities of the bipartite graph (BLPA): users vote with the items that they have, items with their users.

    A record belongs where its user does, so that the erasure of a user touches one shard. Both sides have their own capacity. Nodes without
    neighbours propose nothing and stay where they were dealt at random.

    Attributes:
        iterations: at most so many passes over both sides; it stops when nobody moves.

    Source: Chen et al. 2022, Graph Unlearning (GraphEraser), algorithm 1. Ours for the bipartite graph: the sides move in turn, since
        at once they would swap labels for ever, and each has a capacity, without which a community could be without users. In the
        released code a node without neighbours proposes community 0.
    """

    depends_on_data: ClassVar[bool] = True

    iterations: int = 100

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise SettingsError(f"iterations must be >= 1, got {self.iterations}")

    def __call__(self, records: InteractionLog, n_parts: int, rng: np.random.Generator) -> NDArray[np.int64]:
        labels = communities(records.matrix(), n_parts, rng, iterations=self.iterations)[0]
        return labels[records.user]


def communities(
    has: sparse.csr_array, k: int, rng: np.random.Generator, *, iterations: int = 100
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the communities 0..k-1 of the rows (n_users,) and the columns (n_items,) of `has`.

    Neither side has more than `narrow_capacity` of its nodes with neighbours in one community; those without are dealt at random, evenly.
    """
    sides = [sparse.csr_array(has), sparse.csr_array(has.T)]
    linked = [np.flatnonzero(np.diff(side.indptr)) for side in sides]
    labels = [_evenly(side.shape[0], nodes, k, rng) for side, nodes in zip(sides, linked, strict=True)]
    for _ in range(iterations):
        moved = 0
        for at in (0, 1):
            others = np.zeros((len(labels[1 - at]), k))
            others[linked[1 - at], labels[1 - at][linked[1 - at]]] = 1
            votes = sides[at][linked[at]] @ others  # (n, k) neighbours in each community
            new, moves = _moved(labels[at][linked[at]], votes, narrow_capacity(len(linked[at]), k), rng)
            labels[at][linked[at]] = new
            moved += moves
        if moved == 0:
            break
    return labels[0], labels[1]


def _evenly(n: int, linked: NDArray[np.int64], k: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Returns (n,) random labels, equally many of each among the linked nodes and among the others."""
    labels = np.empty(n, dtype=np.int64)
    for nodes in (linked, np.setdiff1d(np.arange(n), linked)):
        labels[nodes] = rng.permutation(np.arange(len(nodes)) % k)
    return labels


def _moved(labels: NDArray[np.int64], votes: NDArray[np.float64], capacity: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], int]:
    """Returns the labels after one pass, and the number of moves; those with most neighbours in the wished community come first.

    Who finds it full waits for it; when somebody leaves a community, the first who waits comes in.
    """
    labels, (n, k) = labels.copy(), votes.shape
    rows = np.arange(n)
    wish = (votes + 0.5 * rng.random(votes.shape)).argmax(axis=1)  # counts are whole: ties alone are decided at random
    wish = np.where(votes[rows, labels] == votes[rows, wish], labels, wish)  # no move without a gain
    order = np.argsort(-votes[rows, wish], kind="stable")
    size = np.bincount(labels, minlength=k)
    waiting: list[deque[int]] = [deque() for _ in range(k)]
    moves = 0
    for node in order[wish[order] != labels[order]].tolist():
        entering: int | None = node
        while entering is not None:
            target = int(wish[entering])
            if size[target] >= capacity:
                waiting[target].append(entering)
                break
            left = int(labels[entering])
            size[left] -= 1
            size[target] += 1
            labels[entering] = target
            moves += 1
            entering = waiting[left].popleft() if waiting[left] else None
    return labels, moves
