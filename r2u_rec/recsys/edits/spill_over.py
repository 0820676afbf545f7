"""The reach of an erasure's influence: rows by hops on the graph, rows of the erased users, and uninformative labels.

With these, the two published forms of influence for recommenders are settings of `unlearn.influence.Influence`: `ifru` and `scif`.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.unlearn.curvature.influence import Influence, Rows

USER_TABLES, ITEM_TABLES = ("user_*",), ("item_*",)
"""Shell patterns of parameters with one row a user, and one row an item."""


def reached(forget: InteractionLog, left: InteractionLog, hops: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the ascending codes of users and items within `hops` edges of the ends of an erased one.

    0 hops are the users and items of the erased records themselves. Edges are those of before the erasure.
    """
    users, items = np.zeros(left.n_users, dtype=bool), np.zeros(left.n_items, dtype=bool)
    users[forget.user], items[forget.item] = True, True
    edges = [np.concatenate([forget.user, left.user]), np.concatenate([forget.item, left.item])]
    for _ in range(hops):
        further = users[edges[0]], items[edges[1]]
        items[edges[1][further[0]]], users[edges[0][further[1]]] = True, True
    return np.flatnonzero(users), np.flatnonzero(items)


def within_hops(hops: int) -> Rows:
    """Returns the rule by which user and item rows within `hops` edges of an erased record may move.

    Raises:
        SettingsError: hops below 0.

    Source: IFRU (Zhang et al. 2023), whose pruned form takes 0 or 1.
    """
    if hops < 0:
        raise SettingsError(f"hops must be >= 0, got {hops}")

    def rows(task: Any, model: nn.Module, forget: InteractionLog, left: InteractionLog) -> dict[str, Tensor]:
        users, items = reached(forget, left, hops)
        return _named(model, ((USER_TABLES, left.n_users, users), (ITEM_TABLES, left.n_items, items)))

    return rows


def owned(task: Any, model: nn.Module, forget: InteractionLog, left: InteractionLog) -> Mapping[str, Tensor]:
    """Returns the rows of the users who ask; no item row may move.

    Source: SCIF (Li et al. 2023), the selective part.
    """
    return _named(model, ((USER_TABLES, left.n_users, np.unique(forget.user).astype(np.int64)),))


def indifferent(task: Any, model: Any, batch: Any, left: InteractionLog) -> Tensor:
    """Returns (n,) losses of interactions whose label is the mean label of what the user, or the item, keeps.

    The labels of implicit feedback are 1 for a record and 0 for the negatives beside it, which weigh as much together: whoever keeps
    whatever, the mean label is 1/2. Under BPR, either order of a pair is as likely.

    Source: SCIF (Li et al. 2023), the collaborative part, which was made for ratings.
    """
    scores = _scores(model, batch)  # (n, 1 + k)
    if task.loss == "bpr":
        return _undecided(scores[:, :1] - scores[:, 1:]).mean(1)
    return _undecided(scores[:, 0]) + _undecided(scores[:, 1:]).mean(1)


def ifru(hops: int = 0, **settings: Any) -> Influence:
    """Returns influence with spill-over, for rows within `hops` edges of an erased one. Approximate; see `Influence`.

    User and item rows together are not convex: give tables=("item_*",), or a damping that makes them so (5 on ml-100k, which leaves nearly
    everything). A graph model is not convex in its item rows either.

    Source: Zhang et al. (2023), "Recommendation Unlearning via Influence Function"; solved to a tolerance by conjugate gradients, with
        the Hessian of what remains.
    """
    return Influence(**{"rows": within_hops(hops), "spill_over": True, **settings})


def scif(**settings: Any) -> Influence:
    """Returns selective and collaborative influence: it moves the rows of the users who ask, and no other. Approximate; see `Influence`.

    Where a whole user leaves, the row is emptied anyway, and what the item rows hold of the history stays: this form cannot reach it.
    The term n grad L(D) has the sign of a Newton step, away from the gradient that training left; added as the paper's formula is
    often printed it would climb it.

    Source: Li et al. (2023), "Selective and Collaborative Influence Function for Efficient Recommendation Unlearning".
    """
    return Influence(**{"rows": owned, "replaced": indifferent, "stationary": False, "hessian": "all", **settings})


def _scores(model: Any, batch: Any) -> Tensor:
    p, q = model.lookup(batch.users, batch.items)  # (n, d), (n, 1 + k, d)
    scores: Tensor = (p.unsqueeze(1) * q).sum(-1)
    return scores


def _undecided(scores: Tensor) -> Tensor:
    """Cross-entropy against the label 1/2."""
    return (F.softplus(scores) + F.softplus(-scores)) / 2


def _named(model: nn.Module, kinds: tuple[tuple[tuple[str, ...], int, NDArray[np.int64]], ...]) -> dict[str, Tensor]:
    found = {}
    for patterns, n_rows, rows in kinds:
        for name, p in model.named_parameters():
            if len(p.shape) == 2 and len(p) == n_rows and any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
                found[name] = torch.from_numpy(rows)
    if not found:
        names = [name for name, _ in model.named_parameters()]
        raise SettingsError(
            f"none of {names} has a row for each user or item and a name like {USER_TABLES + ITEM_TABLES}: give `rows` of your own"
        )
    return found
