"""The method that a stored run forgets by, and what a request names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from r2u_rec.cli import build, sources
from r2u_rec.cli.cohorts import Cohorts
from r2u_rec.cli.model_settings import CLOSED_FORMS
from r2u_rec.cli.settings import RevocabilitySettings, Settings
from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import CapabilityError, DataError, SettingsError
from r2u_rec.ids import Ids
from r2u_rec.revocability.governance.policies import explicit
from r2u_rec.revocability.scoring import revocable_users
from r2u_rec.unlearn.curvature.block_newton import NewtonMemory
from r2u_rec.unlearn.scaled import ScaledMemory
from r2u_rec.unlearn.sharded import ShardedMemory


def stored_method(s: Settings, fitted: Fitted) -> Any:
    """Returns the method of `forget.operator` for a run that was trained before.

    What preparation needs when a model is retrained, who is revocable, is scored anew on the run's own records.

    Raises:
        CapabilityError: the run did not keep what the operator needs.
        SettingsError: the operator does not fit the model, or the run was trained in another number of shards or slices.
    """
    operator = build.operator_of(s)
    length: float | None = None
    if isinstance(fitted.memory, ShardedMemory) or operator == "sharded":
        _check_shards(s, operator, fitted.memory)
    if operator == "newton" and s.model.name not in CLOSED_FORMS:
        if not isinstance(fitted.memory, NewtonMemory):
            raise CapabilityError(
                "this run kept no curvature blocks for forget.operator=newton: train with --forget.operator newton, or use ascent"
            )
        length = fitted.memory.length
    elif operator == "ascent" and s.forget.target in build.RULES:
        if not isinstance(fitted.memory, ScaledMemory):
            raise CapabilityError(
                f"this run kept no length for forget.target={s.forget.target}: train with --forget.operator ascent and that target, or set "
                "forget.target to a number, chance or null"
            )
        length = fitted.memory.length
    nobody = np.empty(0, dtype=np.int64)
    scores, revocable = np.full(fitted.records.n_users, np.nan), nobody
    if operator == "retrain" and s.prepare.arm != "standard":
        scores = sources.scores(fitted.records, s.revocability, seed=s.seed)
        revocable = revocable_users(fitted.records, scores, s.revocability, seed=s.seed)
    cohorts = Cohorts(scores, revocable, nobody, nobody, nobody, fitted.records)
    return build.method(s, s.prepare.arm, operator, cohorts, length=length)


def _check_shards(s: Settings, operator: str, memory: Any) -> None:
    if not isinstance(memory, ShardedMemory):
        raise CapabilityError("this run is one model and has no shards: train with --forget.operator sharded, or forget by retrain")
    if operator not in ("sharded", "retrain"):
        raise CapabilityError(f"forget.operator={operator} edits one model and this run was trained in shards: use sharded or retrain")
    there = {"shards": len(memory.models), "slices": len(memory.checkpoints[0]) + 1}
    for name, n in there.items() if operator == "sharded" else ():
        if getattr(s.forget, name) != n:
            raise SettingsError(
                f"forget.{name}={getattr(s.forget, name)}, and this run was trained in {n}: leave it at {n}, or train again"
            )


def refuse_small_batch(records: InteractionLog, ids: Ids, smallest: int) -> None:
    """Raises SettingsError when fewer than `smallest` users stand behind the records `ids` that are to be forgotten.

    It holds for every operator: what a model loses between two versions tells what was erased, by retraining and by an exact
    closed form too (benchmarks/r2u_bench/studies/two_snapshots.py). Whole users and single interactions count alike.
    """
    if smallest < 1:
        raise SettingsError(f"forget.smallest_batch must be >= 1, got {smallest}")
    n = len(records.users_of(ids))
    if n < smallest:
        raise SettingsError(
            f"the request concerns {n} {'user' if n == 1 else 'users'}, forget.smallest_batch is {smallest}: whoever holds the model from "
            "before and the one from after can read off what so few had. Collect requests until the batch is full, or pass "
            "--forget.smallest_batch 1 and never let anyone have both models"
        )


def ids_of_people(records: InteractionLog, keys: Sequence[str], r: RevocabilitySettings) -> Ids:
    """Returns the ids of all interactions of the people with these keys.

    Raises:
        DataError: nobody has such a key, or its owner was erased before or kept out of training: the run holds nothing to erase.
    """
    try:
        return records.ids_of_users(explicit(records, keys))
    except DataError as error:
        if not r.holdout and r.calibration_share == 0:
            raise
        raise DataError(
            f"{error}; if they are right, they were erased before, or training kept their owners out (revocability.holdout, "
            "calibration_share): the run holds nothing of them, leave those keys out of the request"
        ) from error


def ids_of_pairs(records: InteractionLog, path: str) -> Ids:
    """Returns the ids of the interactions that a CSV with the columns user and item names; all records of a pair.

    Raises:
        DataError: the file cannot be read, a column is missing, or a pair is not among the records.
    """
    try:
        wanted = pd.read_csv(path, dtype=str)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}") from error
    missing = {"user", "item"} - set(wanted.columns)
    if missing or wanted.empty:
        raise DataError(f"{path} needs the columns user and item and one row or more, got {list(wanted.columns)} and {len(wanted)} rows")
    users, items = records.user_keys.codes(wanted["user"]), records.item_keys.codes(wanted["item"])
    asked = np.where((users < 0) | (items < 0), -1, users * records.n_items + items)
    pairs = records.user.astype(np.int64) * records.n_items + records.item
    unknown = wanted[~np.isin(asked, pairs)]
    if len(unknown):
        first = ", ".join(f"{row.user} and {row.item}" for row in unknown.head(3).itertuples())
        raise DataError(
            f"{len(unknown)} of {len(wanted)} pairs in {path} are not among the run's interactions, the first {first}: check the keys"
        )
    return records.ids[np.isin(pairs, asked)]
