"""From a plan and a log to a trained model: who is revocable, who is kept out, and what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from r2u_rec.api.choices import PrepareChoice
from r2u_rec.api.scoring import UserScores
from r2u_rec.api.threads import torch_threads
from r2u_rec.config.plan import Plan
from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.split import Parts
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.rng import stream

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Trained:
    """A model that was trained.

    Attributes:
        fitted: model, records and the memory of a method.
        revocable: codes of the users whom the model is prepared for.
        memory_of: (name, settings) of the method whose memory it is.
    """

    fitted: Fitted
    revocable: Codes
    memory_of: tuple[str, Any]

    @property
    def stored_length(self) -> float | None:
        """The length of the edit, as the end of training set it."""
        found = getattr(self.fitted.memory, "length", None)
        return float(found) if isinstance(found, int | float) else None


def train(
    plan: Plan,
    log: InteractionLog,
    *,
    prepare: PrepareChoice | None = None,
    calibration_share: float = 0.0,
    validation: InteractionLog | None = None,
    progress: bool | None = None,
    **parts: Any,
) -> Trained:
    """Returns the plan's model, trained on everyone in `log` but the calibration users that were asked for.

    Args:
        validation: by whom a training is watched; users who may withdraw are not measured.
        parts: other fields of `FitContext`, such as `checkpoint` and `on_history`.

    Raises:
        DataError: the log is empty; a revocable user is unknown.
        SettingsError: a share that leaves nobody; whatever the components refuse.
    """
    if not isinstance(log, InteractionLog):
        raise TypeError(f"fit takes an InteractionLog, got {type(log).__name__}: make one with r2u.read_interactions(source)")
    if len(log) == 0:
        raise DataError("the log holds no interactions: there is nothing to train on")
    revocable = revocable_codes(log, prepare, seed=plan.seed)
    apart = calibration_users(log, revocable, calibration_share, seed=plan.seed)
    records = log.drop(log.ids_of_users(apart)) if len(apart) else log
    eligible = revocable if len(revocable) else np.flatnonzero(log.user_counts > 0)
    context = plan.context(
        revocable=np.setdiff1d(revocable, apart),
        calibration=log.keep(log.ids_of_users(apart)) if len(apart) else None,
        candidates=np.setdiff1d(eligible, apart),
        validate=None if validation is None else watched_by(records, validation, revocable),
        progress=progress,
        **parts,
    )
    with torch_threads(plan.threads):
        fitted = plan.build(context).fit(context.task, records, seed=plan.seed)
    fitted.model.eval()
    return Trained(fitted, context.revocable, (plan.method.name, plan.method_settings))


def forget(plan: Plan, trained: Trained, ids: Any, *, chosen: Plan, progress: bool | None) -> Trained:
    """Returns the model without the records `ids`, by the method of `chosen`; `trained` is untouched.

    What another method than the model's own keeps from training is computed now.

    Raises:
        SettingsError, CapabilityError: the method cannot work on a model that was trained for another.
    """
    fitted, records = trained.fitted, trained.fitted.records
    parts: dict[str, Any] = {"revocable": still_there(records, trained.revocable), "progress": progress}
    with torch_threads(plan.threads):
        if chosen.method.name == "retrain":
            left = records.drop(ids)
            context = plan.context(**{**parts, "revocable": still_there(left, trained.revocable)}, **_length(plan, trained))
            after = plan.build(context).fit(context.task, left, seed=plan.seed)
            memory_of = (plan.method.name, plan.method_settings)
        else:
            memory_of = (chosen.method.name, chosen.method_settings)
            context = chosen.context(**parts, **_length(chosen, trained))
            method = chosen.build(context)
            if memory_of != trained.memory_of:
                fitted = remembering(method, chosen, trained, context.task)
            after = method.forget(context.task, fitted, ids, seed=plan.seed)
    after.model.eval()
    return Trained(after, still_there(after.records, trained.revocable), memory_of)


def remembering(method: Any, chosen: Plan, trained: Trained, task: Any) -> Fitted:
    """Returns the model with what an edit keeps, computed from the model as it stands.

    Raises:
        SettingsError: the method is a way to train, or the model is no single model that could be edited.
    """
    from r2u_rec.unlearn.post_hoc import Checks, PostHoc
    from r2u_rec.unlearn.sharded import ShardedMemory
    from r2u_rec.unlearn.tuned import Tuned

    fitted, name = trained.fitted, chosen.method.name
    if isinstance(fitted.memory, ShardedMemory):
        raise SettingsError(f"{name} edits one model, and this one was trained in shards: forget by {trained.memory_of[0]}, or by retrain")
    if not isinstance(method, PostHoc | Tuned):
        if chosen.method.family in ("closed", "reference") and fitted.memory is None:
            return fitted
        raise SettingsError(
            f"{name} is a way to train too, and this model was trained for {trained.memory_of[0]}: train one with method={name!r}, or "
            "forget by retrain"
        )
    edit = method.unlearner if isinstance(method, PostHoc) else method.tuner
    if isinstance(edit, Checks):
        edit.check(task)
    return replace(fitted, memory=edit.remember(task, fitted.model, fitted.records, seed=chosen.seed))


def watched_by(records: InteractionLog, validation: InteractionLog, revocable: Codes) -> Callable[[nn.Module], float]:
    """Returns model -> NDCG@20 on `validation` of the users who are trained on and are not revocable.

    Raises:
        DataError: there are no such users.
    """
    from r2u_rec.api.answers import in_codes_of
    from r2u_rec.study.quality import masked_quality

    own, k = in_codes_of(records, validation, "validation"), min(20, records.n_items)
    users = np.setdiff1d(np.flatnonzero((records.user_counts > 0) & (own.user_counts > 0)), revocable)
    if len(users) == 0:
        raise DataError("no user of the validation interactions is trained on and not revocable: there is nobody to watch the training by")
    parts = Parts(records, own, own.take(np.zeros(len(own), dtype=bool)))
    return lambda model: masked_quality(model, parts, users, (k,), part="validation").mean()[f"NDCG@{k}"]


def revocable_codes(log: InteractionLog, prepare: PrepareChoice | None, *, seed: int) -> Codes:
    """Returns the codes of those who may withdraw; of nobody where the model is trained plainly."""
    if prepare is None or prepare.revocable is None:
        return np.empty(0, dtype=np.int64)
    if isinstance(prepare.revocable, UserScores):
        found = prepare.revocable.chosen(log, policy=prepare.policy, share=prepare.share, value=prepare.value, seed=seed)
    else:
        found = np.unique(log.user_keys.known_codes(prepare.revocable, "user"))
    found = still_there(log, found)
    if len(found) == 0:
        raise SettingsError("revocable names nobody who is in the log: name one user or more")
    return found


def calibration_users(log: InteractionLog, revocable: Codes, share: float, *, seed: int) -> Codes:
    """Returns the codes of the users kept out of training, drawn from the revocable ones where there are any.

    Raises:
        SettingsError: the share lies outside [0, 1), or leaves nobody to train on.
    """
    if not 0 <= share < 1:
        raise SettingsError(f"calibration_share must lie in [0, 1), got {share}: 0 trains on everyone")
    if share == 0:
        return np.empty(0, dtype=np.int64)
    there = np.flatnonzero(log.user_counts > 0)
    pool, n = (revocable if len(revocable) else there), max(1, round(share * len(there)))
    if n >= len(pool):
        raise SettingsError(
            f"calibration_share={share} asks for {n} of {len(pool)} {'revocable users' if len(revocable) else 'users'}, and some must be "
            "trained on: lower it"
        )
    return np.sort(stream(seed, "calibration").choice(pool, size=n, replace=False))


def still_there(records: InteractionLog, users: Codes) -> Codes:
    """Returns those of the codes who have records."""
    return users[records.user_counts[users] > 0]


def _length(plan: Plan, trained: Trained) -> Mapping[str, float]:
    """The length that the end of training set stands in for its rule, as long as the method and its settings are the same."""
    same = (plan.method.name, plan.method_settings) == trained.memory_of
    return {"stored_length": trained.stored_length} if same and trained.stored_length is not None else {}
