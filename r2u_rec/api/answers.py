"""What a trained model answers, as frames: recommendations, similar items, ranking quality."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse

from r2u_rec.core.protocols import Fitted
from r2u_rec.data.keys import listed_keys
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.split import Parts
from r2u_rec.errors import CapabilityError, DataError, SettingsError
from r2u_rec.recsys.serving.recommend import recommend
from r2u_rec.suggest import suggest

METRICS = ("ndcg", "recall", "mrr", "hit", "precision")
CHUNK_ITEMS = 256


def recommendations(fitted: Fitted, users: Iterable[Any], k: int) -> pd.DataFrame:
    """Returns one row a recommended item, users in their order, best first: user, item, score, rank (from 1), source."""
    answers = recommend(fitted, listed_keys(users, "users"), whole(k, "k"))
    rows = [
        (answer.user_key, item, score, rank, answer.source)
        for answer in answers
        for rank, (item, score) in enumerate(zip(answer.item_keys, answer.scores, strict=True), start=1)
    ]
    return pd.DataFrame(rows, columns=["user", "item", "score", "rank", "source"])


def similar_items(fitted: Fitted, items: Iterable[Any], k: int) -> pd.DataFrame:
    """Returns one row a similar item, items in their order, nearest first: item, similar_item, score, rank (from 1).

    The score is the cosine of item vectors where the model has them, else the model's own score for someone who has the item alone.
    Items without a current record are never named.

    Raises:
        DataError: an item is unknown. CapabilityError: the model offers neither.
    """
    records: InteractionLog = fitted.records
    codes, k = records.item_keys.known_codes(items, "item"), whole(k, "k")
    barred = records.item_counts == 0
    barred[list(records.item_keys.empty)] = True
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(codes), CHUNK_ITEMS):
        some = codes[start : start + CHUNK_ITEMS]
        scores = _similarities(fitted.model, some, records.n_items)  # (m, n_items)
        scores[:, barred] = -np.inf
        scores[np.arange(len(some)), some] = -np.inf
        values, found = (each.numpy() for each in torch.topk(torch.from_numpy(scores), min(k, scores.shape[1]), dim=1))
        for code, mine, at in zip(some, values, found, strict=True):
            near = [(records.item_keys.key(int(c)), float(v)) for c, v in zip(at, mine, strict=True) if v > -np.inf]
            rows += [(records.item_keys.key(int(code)), key, value, rank) for rank, (key, value) in enumerate(near, start=1)]
    return pd.DataFrame(rows, columns=["item", "similar_item", "score", "rank"])


def _similarities(model: Any, items: NDArray[np.int64], n_items: int) -> NDArray[np.float32]:
    if hasattr(model, "tables"):
        with torch.no_grad():
            vectors = torch.nn.functional.normalize(model.tables()[1].detach().float(), dim=1)
            return np.ascontiguousarray((vectors[torch.from_numpy(items)] @ vectors.T).numpy(force=True))
    if hasattr(model, "fold_in"):
        ones = np.ones(len(items), dtype=np.float32)
        return np.array(model.fold_in(sparse.csr_array((ones, (np.arange(len(items)), items)), shape=(len(items), n_items))))
    raise CapabilityError(f"{type(model).__name__} has no item vectors and scores no histories: it cannot say which items are similar")


def parsed_metric(text: str, n_items: int) -> tuple[str, int]:
    """Returns name and cut-off of a metric such as "ndcg@20".

    Raises:
        SettingsError: an unknown metric, the nearest is suggested; a cut-off that is no number from 1 to the number of items.
    """
    name, at, k = str(text).partition("@")
    if name.lower() not in METRICS:
        raise SettingsError(f"unknown metric {text!r}{suggest(name.lower(), METRICS)}; there are {', '.join(METRICS)}, such as ndcg@20")
    if not at or not re.fullmatch("[1-9][0-9]{0,8}", k):
        raise SettingsError(f"metric {text!r} needs a cut-off, a whole number >= 1: write {name}@20")
    if int(k) > n_items:
        raise SettingsError(f"metric {text!r} cuts off at {k} and the catalogue has {n_items} items: ask for at most {name}@{n_items}")
    return name.lower(), int(k)


def quality(fitted: Fitted, test: InteractionLog, metrics: Sequence[str], mask: InteractionLog | None) -> dict[str, float]:
    """Returns metric -> mean over the users who have training and test interactions; full ranking over all items.

    Items of a user's training interactions are left out of the list, and those of `mask` too. Users whom the model does not know, the
    erased among them, are in no mean; test items that it does not know cannot be found and count as misses of nobody.

    Raises:
        SettingsError: a metric or cut-off that there is not. DataError: nobody can be measured.
    """
    from r2u_rec.study.quality import masked_quality

    records: InteractionLog = fitted.records
    if isinstance(metrics, str) or not metrics:
        raise SettingsError(f"metrics must be a list such as ['ndcg@20', 'recall@20'], got {metrics!r}")
    wanted = [parsed_metric(text, records.n_items) for text in metrics]
    own = in_codes_of(records, test, "test")
    hidden = in_codes_of(records, mask, "mask") if mask is not None else own.take(np.zeros(len(own), dtype=bool))
    users = np.flatnonzero((records.user_counts > 0) & (own.user_counts > 0))
    if len(users) == 0:
        raise DataError(f"none of the users of the {len(test)} test interactions was trained on: nothing can be measured")
    found = masked_quality(fitted.model, Parts(records, hidden, own), users, sorted({k for _, k in wanted}), part="test").mean()
    lower = {name.lower(): value for name, value in found.items()}
    return {text: lower[f"{name}@{k}"] for text, (name, k) in zip(metrics, wanted, strict=True)}


def in_codes_of(records: InteractionLog, log: InteractionLog, what: str) -> InteractionLog:
    """Returns `log` in the codes of `records`, without interactions of users or items that those do not know; matched by key."""
    if not isinstance(log, InteractionLog):
        raise TypeError(f"{what} must be an InteractionLog, got {type(log).__name__}: make one with r2u.read_interactions or r2u.split")
    users, items = records.user_keys.codes(_keys(log.user_keys)), records.item_keys.codes(_keys(log.item_keys))
    known = (users[log.user] >= 0) & (items[log.item] >= 0)
    left = log.take(known)
    return replace(
        left,
        user=users[left.user].astype(np.int32),
        item=items[left.item].astype(np.int32),
        user_keys=records.user_keys,
        item_keys=records.item_keys,
        user_info=None,
        item_info=None,
    )


def _keys(vocabulary: Any) -> Any:
    return vocabulary.keys


def whole(value: Any, name: str, lowest: int = 1) -> int:
    """Returns a whole number of at least `lowest`; SettingsError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < lowest:
        raise SettingsError(f"{name} must be a whole number >= {lowest}, got {value!r}")
    return int(value)
