"""Recommendations for the caller's own keys: a full ranking in chunks, seen items masked, unknown users answered by popularity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.recsys.serving.popularity import Popularity


@dataclass(frozen=True)
class Recommendation:
    """The answer to one user.

    Attributes:
        user_key: as it was asked for.
        item_keys: best first; never an item that the user has, nor one without any current record.
        scores: one a recommended item: the model's, or the number of records for `source="popularity"`.
        source: "model", or "popularity" for users without a current record: unknown and erased users get the same answer.
        note: empty, or why fewer items came back than were asked for.
    """

    user_key: Any
    item_keys: tuple[Any, ...]
    scores: tuple[float, ...]
    source: Literal["model", "popularity"]
    note: str = ""


def recommend(fitted: Fitted, user_keys: Iterable[Any], k: int = 10, *, chunk_users: int = 1024) -> list[Recommendation]:
    """Returns the `k` best items of each of `user_keys`, in their order.

    Everything is derived from `fitted.records` at the call: who is known, what is seen, what can be recommended, the
    fallback. An item whose last record was forgotten is not recommended any more: its vector stands on nothing.

    Args:
        fitted: model and records; the model has `scores(users)`.
        user_keys: the customer's own keys; unknown ones are no error.
        k: at least 1; if fewer items remain, all of them are returned, with a note.
        chunk_users: users ranked at once; memory is chunk_users * n_items float32.
    """
    if k < 1:
        raise ValueError(f"k must be >= 1, got {k}")
    if chunk_users < 1:
        raise ValueError(f"chunk_users must be >= 1, got {chunk_users}")
    records: InteractionLog = fitted.records
    model: Any = fitted.model
    user_keys = list(user_keys)
    codes = records.user_keys.codes(user_keys)
    known = codes >= 0
    known[known] = records.user_counts[codes[known]] > 0
    answers: list[Recommendation | None] = [None] * len(user_keys)
    barred = _barred_items(records)
    seen = records.matrix()
    for start in range(0, int(known.sum()), chunk_users):
        at = np.flatnonzero(known)[start : start + chunk_users]
        scores = model.scores(codes[at])
        rows = seen[codes[at]]
        scores[np.repeat(np.arange(len(at)), np.diff(rows.indptr)), rows.indices] = -np.inf
        scores[:, barred] = -np.inf
        for where, answer in zip(at, _answers(records, [user_keys[i] for i in at], scores, k, "model"), strict=True):
            answers[where] = answer
    unknown_users = np.flatnonzero(~known)
    if unknown_users.size:
        scores = Popularity.of(records).scores(np.zeros(1, dtype=np.int64))
        scores[:, barred] = -np.inf
        (common,) = _answers(records, [None], scores, k, "popularity")
        for where in unknown_users:
            answers[where] = Recommendation(user_keys[where], common.item_keys, common.scores, common.source, common.note)
    return [answer for answer in answers if answer is not None]


def _barred_items(records: InteractionLog) -> NDArray[np.bool_]:
    """Returns (n_items,) True for items without a current record or without a key."""
    barred: NDArray[np.bool_] = records.item_counts == 0
    barred[list(records.item_keys.empty)] = True
    return barred


def _answers(
    records: InteractionLog, keys: list[Any], scores: NDArray[np.float32], k: int, source: Literal["model", "popularity"]
) -> list[Recommendation]:
    """Turns (m, n_items) scores, -inf where masked, into one answer a row."""
    best, items = torch.topk(torch.from_numpy(scores), min(k, scores.shape[1]), dim=1)
    answers = []
    for key, values, codes in zip(keys, best.tolist(), items.tolist(), strict=True):
        kept = [(code, value) for code, value in zip(codes, values, strict=True) if value > -np.inf]
        note = "" if len(kept) == k else f"{k} items were asked for, {len(kept)} are left: the others are seen or have no record now"
        answers.append(
            Recommendation(key, tuple(records.item_keys.key(code) for code, _ in kept), tuple(value for _, value in kept), source, note)
        )
    return answers
