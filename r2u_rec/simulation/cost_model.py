"""Chooses the operator of a batch from modelled seconds, never from measured ones, so that a simulation is reproducible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids
from r2u_rec.simulation.policies import REPREPARE, RETRAIN

LARGEST_EDIT_SHARE = 0.2
"""A request for a larger share of the records is not left to an approximate edit: the largest share that was measured."""


@runtime_checkable
class TouchesShards(Protocol):
    """A method that trains again only those parts of its model that have seen what is erased."""

    def touched_share(self, fitted: Any, ids: Ids) -> float:
        """Returns the share of all records that erasing `ids` would train on again, in [0, 1]."""
        ...


@dataclass(frozen=True)
class OperatorCost:
    """Modelled cost of an operator: fixed + per user * users + per record * records, in seconds.

    The users and records are those that leave. Of "retrain" and of a method in shards, they are the records that are
    trained on, and users do not count.

    Attributes:
        exact: whether the result is that of training without what was erased.

    Raises:
        SettingsError: a number is negative or not finite.
    """

    fixed_seconds: float
    seconds_per_user: float
    seconds_per_record: float
    exact: bool

    def __post_init__(self) -> None:
        for name in ("fixed_seconds", "seconds_per_user", "seconds_per_record"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise SettingsError(f"{name} of an operator must be finite and >= 0, got {value}")

    def seconds(self, n_users: int, n_records: float) -> float:
        """Returns the modelled seconds."""
        return self.fixed_seconds + self.seconds_per_user * n_users + self.seconds_per_record * n_records


@dataclass(frozen=True)
class Batch:
    """What is to be erased from a model, in numbers.

    Attributes:
        n_users, n_records: behind what leaves the model.
        n_model: records that the model stands on now. n_trained: records that a training now would read.
        touched: operator -> share of the model's records to be trained on again, for those that touch shards.
    """

    n_users: int
    n_records: int
    n_model: int
    n_trained: int
    touched: Mapping[str, float]


@dataclass(frozen=True)
class ErasedShare:
    """Shares of the trained records: erased approximately since the last training, and at most before the next (None: no limit)."""

    spent: float = 0.0
    budget: float | None = None

    def allows(self, added: float) -> bool:
        """Returns whether so much more may be erased approximately."""
        return self.budget is None or self.spent + added <= self.budget * (1 + 1e-12)


@dataclass(frozen=True)
class CarryOut:
    """The operator of a batch, its modelled seconds, and why it was chosen."""

    operator: str
    seconds: float
    why: str


def modelled(operator: str, costs: Mapping[str, OperatorCost], batch: Batch) -> float:
    """Returns the modelled seconds of `operator` for `batch`; SettingsError when its cost is not given."""
    if operator not in costs:
        raise SettingsError(
            f"the cost of {operator!r} is not given: there are costs of {', '.join(costs) or 'none'}; add it, or measure it"
        )
    if operator in (RETRAIN, REPREPARE):
        return costs[operator].seconds(0, batch.n_trained)
    if operator in batch.touched:
        return costs[operator].seconds(0, batch.touched[operator] * batch.n_model)
    return costs[operator].seconds(batch.n_users, batch.n_records)


def choose(
    costs: Mapping[str, OperatorCost], batch: Batch, drift: ErasedShare, added: float, *, largest_edit: float = LARGEST_EDIT_SHARE
) -> CarryOut:
    """Returns the operator for `batch` among those of `costs`, of which "retrain" is one.

    An exact closed form is taken if there is one, unless training again is cheaper; then shards, unless so many are touched
    that training again is cheaper; then the cheapest approximate edit, as long as it is cheaper than training again, the batch
    is small and the drift budget is not overdrawn; otherwise the model is trained again.

    Args:
        added: share of the records of the last training that an approximate edit of `batch` would add to the drift.
        largest_edit: largest share of the model's records that one approximate edit may erase.
    """
    seconds = {operator: modelled(operator, costs, batch) for operator in costs if operator != REPREPARE}
    again = modelled(RETRAIN, costs, batch)
    others = sorted((s, operator) for operator, s in seconds.items() if operator != RETRAIN)
    closed = [pair for pair in others if costs[pair[1]].exact and pair[1] not in batch.touched]
    shards = [pair for pair in others if pair[1] in batch.touched]
    edits = [pair for pair in others if not costs[pair[1]].exact and pair[1] not in batch.touched]
    if closed:
        least, operator = closed[0]
        if least <= again:
            return CarryOut(operator, least, f"{operator} erases exactly in {_s(least)}, training again takes {_s(again)}")
        return CarryOut(RETRAIN, again, f"so much leaves that training again ({_s(again)}) is cheaper than {operator} ({_s(least)})")
    if shards:
        least, operator = shards[0]
        share = batch.touched[operator]
        if least <= again:
            return CarryOut(operator, least, f"{operator} trains on {share:.1%} of the records again in {_s(least)}, on all in {_s(again)}")
        why = f"{operator} would train on {share:.1%} of the records again in {_s(least)}: training on all takes {_s(again)}"
        return CarryOut(RETRAIN, again, why)
    if not edits:
        return CarryOut(RETRAIN, again, "there is no other operator")
    least, operator = edits[0]
    share = batch.n_records / max(batch.n_model, 1)
    if share > largest_edit:
        return CarryOut(
            RETRAIN, again, f"{share:.1%} of the records leave, too many for {operator}, which may edit {largest_edit:.1%} at once"
        )
    if not drift.allows(added):
        return CarryOut(RETRAIN, again, overdrawn(drift, added))
    if least > again:
        return CarryOut(RETRAIN, again, f"training again ({_s(again)}) is cheaper than {operator} ({_s(least)})")
    return CarryOut(
        operator, least, f"{operator} erases approximately in {_s(least)}, training again takes {_s(again)}{_spent(drift, added)}"
    )


def overdrawn(drift: ErasedShare, added: float) -> str:
    """Returns why a batch that would add `added` to `drift` is not left to an approximate edit."""
    return f"the drift budget of {drift.budget:.2%} would be overdrawn: {drift.spent:.2%} is spent, {added:.2%} would be added"


def _spent(drift: ErasedShare, added: float) -> str:
    return "" if drift.budget is None else f"; {drift.spent + added:.2%} of the drift budget of {drift.budget:.2%} is spent then"


def _s(seconds: float) -> str:
    return f"{seconds:.3g} s"
