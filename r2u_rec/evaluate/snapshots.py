"""Two snapshots: how much the models from before and from after an erasure together reveal about the erased records.

Counts of items rank anybody's history, and the old model with the user's vector ranks what it was trained on: the second
snapshot adds what lies above those two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import rankdata

from r2u_rec.errors import CapabilityError
from r2u_rec.evaluate import snapshot_attacks as attacks
from r2u_rec.evaluate.snapshot_attacks import Snapshots, Values

Areas = dict[tuple[str, str], Values]
"""(attacker, attack) -> (n,) AUC of ranking each erased user's items above all others."""


@dataclass(frozen=True)
class SnapshotLeak:
    """How well erased histories can be read from two snapshots; 0.5 = not at all, 1 = completely.

    The attack is chosen with hindsight, the one with the highest mean: an attacker with that knowledge and only these
    attacks does no better. With few users the choice itself lifts auc and baseline_auc a little: average over erasures.

    Attributes:
        auc: mean AUC of the best attack, never below `baseline_auc`: an attacker with two snapshots may ignore the second.
        worst_auc: of the user whom that attack reads best.
        attacker, attack: the knowledge that the best attack needs, and its name.
        n_users: users measured; a user with no item or with every item erased has no AUC.
        baseline_auc: the best mean AUC without the second snapshot, a guess at least.
    """

    auc: float
    worst_auc: float
    attacker: str
    attack: str
    n_users: int
    baseline_auc: float

    @property
    def excess(self) -> float:
        """What the second snapshot adds; 0 = nothing."""
        return self.auc - self.baseline_auc


def snapshot_leak(
    before_items: Any, after_items: Any, histories_of_erased: sparse.csr_array, own_vectors: Any = None, item_counts: Any = None
) -> SnapshotLeak:
    """Returns how well the histories of users who were erased together can be read from the item tables before and after.

    Args:
        before_items, after_items: (n_items, d) tables that scores are made from. They may come from two trainings: the new one
            is rotated onto the old one where that helps.
        histories_of_erased: (n, n_items) CSR, non-zero where records of an erased user were erased.
        own_vectors: (n, d) the users' vectors from before, when the attacker has them; None for who has item tables only.
        item_counts: (n_items,) records of each item before, when the attacker knows them, as any shop shows them.

    Raises:
        ValueError: shapes that do not fit, values that are not finite, or nobody of whom an AUC can be taken.
    """
    return leak_of(attack_areas(snapshots(before_items, after_items, own_vectors, item_counts), histories_of_erased))


def model_leak(
    before: Any, after: Any, histories_of_erased: sparse.csr_array, users: Any, *, knows_vectors: bool = False, item_counts: Any = None
) -> SnapshotLeak:
    """Returns the leak between two models: by `tables()`, or by `weights`, the item-item matrix of EASE, where there are no tables.

    Args:
        before, after: models of one catalogue.
        histories_of_erased: as in `snapshot_leak`; row i belongs to users[i].
        users: (n,) user codes, rows of the old user table.
        knows_vectors: whether the attacker has the erased users' old vectors too; nothing changes for a model without them.
        item_counts: as in `snapshot_leak`.

    Raises:
        CapabilityError: the models offer neither.
        ValueError: as in `snapshot_leak`.
    """
    if all(hasattr(model, "tables") for model in (before, after)):
        (vectors, old), (_, new) = ([_numbers(table) for table in model.tables()] for model in (before, after))
        own = vectors[np.asarray(users, dtype=np.int64)] if knows_vectors else None
        return snapshot_leak(old, new, histories_of_erased, own, item_counts)
    if all(hasattr(model, "weights") for model in (before, after)):
        return leak_of(matrix_areas(before.weights, after.weights, histories_of_erased, item_counts))
    raise CapabilityError(
        f"snapshots of {type(before).__name__} and {type(after).__name__} cannot be compared: both need tables() -> user and item table, "
        "or both weights, an item-item matrix"
    )


def leak_of(areas: Areas) -> SnapshotLeak:
    """Returns the best attack among `areas` beside the best that needs no second snapshot, which wins a tie; a guess is one of these."""
    areas = {(attacks.NOTHING, "guess"): np.full(len(next(iter(areas.values()))), 0.5)} | areas
    means = {key: float(values.mean()) for key, values in areas.items()}
    baseline = max((key for key in areas if key[0] in attacks.WITHOUT_SECOND), key=means.__getitem__)
    best = max([baseline, *areas], key=means.__getitem__)
    return SnapshotLeak(means[best], float(areas[best].max()), *best, len(areas[best]), means[baseline])


def snapshots(before_items: Any, after_items: Any, own_vectors: Any = None, item_counts: Any = None) -> Snapshots:
    """Returns what the attacks are given, checked; arguments and errors as in `snapshot_leak`."""
    before, after = _numbers(before_items), _numbers(after_items)
    if before.ndim != 2 or before.shape != after.shape:
        raise ValueError(f"item tables have shapes {before.shape} and {after.shape}, expected (n_items, d) twice: give one catalogue")
    own = None if own_vectors is None else _numbers(own_vectors)
    if own is not None and (own.ndim != 2 or own.shape[1] != before.shape[1]):
        raise ValueError(f"own_vectors have shape {own.shape}, expected (n, {before.shape[1]}): one an erased user, as long as an item's")
    for name, values in (("before_items", before), ("after_items", after), ("own_vectors", own)):
        _refuse_infinite(name, values)
    return Snapshots(before, attacks.moves(before, after), _counts(item_counts, len(before)), own)


def attack_areas(seen: Snapshots, histories_of_erased: sparse.csr_array) -> Areas:
    """Returns each attack's AUC for each user of whom one can be taken; arguments and errors as in `snapshot_leak`."""
    histories, usable = _usable(histories_of_erased, len(seen.before))
    areas: Areas = {}
    for key, scores_of in attacks.OF_ANYBODY.items():
        scores = scores_of(seen)
        if scores is not None:
            areas[key] = _areas(scores, histories)
    if seen.own is not None:
        if len(seen.own) != len(usable):
            raise ValueError(f"{len(seen.own)} own_vectors for {len(usable)} histories: give one vector an erased user, in the same order")
        rows = list(zip(seen.own[usable], attacks.decoders(seen.own)[usable], strict=True))
        for key, scores_of_user in attacks.OF_ONE_USER.items():
            areas[key] = np.concatenate([_areas(scores_of_user(seen, *row), histories[[i]]) for i, row in enumerate(rows)])
    return areas


def matrix_areas(before: Any, after: Any, histories_of_erased: sparse.csr_array, item_counts: Any = None) -> Areas:
    """Returns the AUC of reading EASE's weights: what is erased is missing in the Gram matrix, which the weights give away.

    Args:
        before, after: (n_items, n_items) weights B. Memory and time are those of inverting them.
        histories_of_erased, item_counts: as in `snapshot_leak`.

    Raises:
        ValueError: shapes that do not fit, values that are not finite, or nobody of whom an AUC can be taken.
    """
    old, new = _numbers(before), _numbers(after)
    if old.ndim != 2 or old.shape[0] != old.shape[1] or old.shape != new.shape:
        raise ValueError(f"weights have shapes {old.shape} and {new.shape}, expected (n_items, n_items) twice: give item-item matrices")
    _refuse_infinite("before", old)
    _refuse_infinite("after", new)
    histories, _ = _usable(histories_of_erased, len(old))
    counts, of_old = _counts(item_counts, len(old)), attacks.gram_diagonal(old)
    scores = {(attacks.OLD_MATRIX, "Gram matrix"): of_old}
    scores[attacks.MATRICES, "Gram matrix"] = attacks.items_by_gram(of_old, attacks.gram_diagonal(new))
    if counts is not None:
        scores[attacks.COUNTS, "count"] = counts
    return {key: _areas(values, histories) for key, values in scores.items()}


def _areas(scores: Values, histories: sparse.csr_array) -> Values:
    """Returns (n,) for each row the area under the ROC curve of its items' scores against all others', ties counted half."""
    n = np.diff(histories.indptr).astype(np.float64)
    ranks = rankdata(scores)[histories.indices]
    return np.asarray((np.add.reduceat(ranks, histories.indptr[:-1]) - n * (n + 1) / 2) / (n * (len(scores) - n)))


def _usable(histories_of_erased: sparse.csr_array, n_items: int) -> tuple[sparse.csr_array, NDArray[np.bool_]]:
    """Returns the rows with some but not all items, and which rows those are."""
    histories = sparse.csr_array(histories_of_erased, copy=True)
    if histories.shape[1] != n_items:
        raise ValueError(f"histories have {histories.shape[1]} items, the snapshots {n_items}: use one catalogue")
    histories.sum_duplicates()
    histories.eliminate_zeros()
    lengths = np.diff(histories.indptr)
    usable = (lengths > 0) & (lengths < n_items)
    if not usable.any():
        raise ValueError(f"none of the {len(lengths)} users had an item erased, and another to rank it against: there is no AUC")
    return sparse.csr_array(histories[usable]), usable


def _counts(item_counts: Any, n_items: int) -> Values | None:
    if item_counts is None:
        return None
    counts = _numbers(item_counts)
    if counts.shape != (n_items,):
        raise ValueError(f"item_counts have shape {counts.shape}, expected ({n_items},): one count an item")
    return counts


def _refuse_infinite(name: str, values: Values | None) -> None:
    if values is not None and not np.isfinite(values).all():
        raise ValueError(f"{name} holds values that are not finite: the model has diverged, nothing can be measured")


def _numbers(values: Any) -> Values:
    """Returns an array or tensor as float64."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, dtype=np.float64)
