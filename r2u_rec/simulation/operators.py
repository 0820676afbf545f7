"""The operators of a simulation: planning by a policy, and carrying a plan out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from r2u_rec.core.protocols import Fitted, Method
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids
from r2u_rec.rng import stream
from r2u_rec.simulation.cost_model import Batch, CarryOut, ErasedShare, OperatorCost, TouchesShards, choose, modelled, overdrawn
from r2u_rec.simulation.policies import AUTO, NONE, REPREPARE, RETRAIN, Policy
from r2u_rec.suggest import choices
from r2u_rec.unlearn.retrain import Retrain

UNNEEDED = "unneeded"
"""Name of the operator for a batch that concerns nothing in the model."""


@dataclass(frozen=True)
class Operators:
    """The methods that a policy may use, and their modelled costs.

    Attributes:
        methods: operator -> method, whose `Fitted` all fit together. A training is the `fit` of the policy's own operator, or of
            "retrain" for "auto", "none" and "retrain"; a preparation is the `fit` of "reprepare".
        costs: operator -> cost, in modelled seconds.

    Raises:
        SettingsError: a method or a cost that the policy needs is missing, or they do not fit together.
    """

    policy: Policy
    task: Any
    methods: Mapping[str, Method]
    costs: Mapping[str, OperatorCost]
    seed: int

    def __post_init__(self) -> None:
        policy, methods = self.policy, self.methods
        named = {RETRAIN} | {name for name in (policy.operator, policy.among) if name is not None and name not in (AUTO, NONE)}
        for name in sorted(named - set(methods)):
            raise SettingsError(f"policy {policy.name!r} needs a method called {name!r}{choices(name, methods)}")
        if policy.reprepare_every_days is not None and REPREPARE not in methods and policy.trained == "standard":
            raise SettingsError(
                f"policy {policy.name!r} prepares again every {policy.reprepare_every_days:g} days, and no method is called {REPREPARE!r}: "
                "add the method that trains the prepared way under this name"
            )
        needed = set(self._choices()) if policy.operator == AUTO else named
        for name in sorted(needed):
            if name not in self.costs:
                raise SettingsError(f"costs lack the operator {name!r}, there are costs of {', '.join(self.costs) or 'none'}: measure it")
            if name != RETRAIN and self.costs[name].exact != methods[name].exact:
                said, is_ = (("exact" if flag else "approximate") for flag in (self.costs[name].exact, methods[name].exact))
                raise SettingsError(f"the cost of {name!r} says it is {said}, the method is {is_}: set exact={methods[name].exact}")

    def check(self, initial: Fitted) -> None:
        """Raises SettingsError when "auto" would train a model that lacks what its operators keep beside it."""
        if self.policy.operator == AUTO and initial.memory is not None and isinstance(self.methods[RETRAIN], Retrain):
            raise SettingsError(
                "the first model has a memory that one of the methods needs, and a model trained by plain retraining would have none: "
                'pass the method that makes this memory under "retrain" too'
            )

    def plan(self, fitted: Fitted, ids: Ids, *, n_users: int, n_available: int, drift: ErasedShare, added: float) -> CarryOut:
        """Returns what erases the records `ids` from `fitted`.

        Args:
            n_users: behind `ids`. n_available: records that a training now would read.
            added: share of the records of the last training that `ids` are.
        """
        if len(ids) == 0:
            return CarryOut(UNNEEDED, 0.0, "none of it is in the model")
        touched = {name: m.touched_share(fitted, ids) for name, m in self._shards().items()}
        batch = Batch(n_users, len(ids), len(fitted.records), n_available, touched)
        operator = self.policy.operator
        if operator == AUTO:
            return choose({name: self.costs[name] for name in self._choices()}, batch, drift, added)
        if operator == RETRAIN:
            return CarryOut(RETRAIN, modelled(RETRAIN, self.costs, batch), "the policy always trains again")
        if not self.costs[operator].exact and not drift.allows(added):
            return CarryOut(RETRAIN, modelled(RETRAIN, self.costs, batch), overdrawn(drift, added))
        return CarryOut(operator, modelled(operator, self.costs, batch), f"the policy names {operator}")

    def training(self, operator: str, n_available: int) -> CarryOut:
        """Returns the plan of a training ("retrain" or "reprepare") that is due whatever waits."""
        days = self.policy.retrain_every_days if operator == RETRAIN else self.policy.reprepare_every_days
        cost = self.costs.get(operator, self.costs[RETRAIN])
        what = "training" if operator == RETRAIN else "preparation"
        return CarryOut(operator, cost.seconds(0, n_available), f"regular {what} every {days:g} days")

    def fit(self, operator: str, records: InteractionLog, number: int) -> Fitted:
        """Returns a model trained on `records`; `number` is that of the batch, and draws its seed."""
        own = self.policy.operator if self.policy.operator not in (AUTO, NONE) else RETRAIN
        method = self.methods[REPREPARE] if operator == REPREPARE and REPREPARE in self.methods else self.methods[own]
        return method.fit(self.task, records, seed=self._seed(number))

    def forget(self, operator: str, fitted: Fitted, ids: Ids, number: int) -> Fitted:
        """Returns `fitted` without the records `ids`."""
        return self.methods[operator].forget(self.task, fitted, ids, seed=self._seed(number))

    def is_exact(self, operator: str) -> bool:
        """Returns whether `operator` leaves no drift."""
        return operator in (RETRAIN, REPREPARE, UNNEEDED) or self.costs[operator].exact

    def _choices(self) -> list[str]:
        """Returns what "auto" chooses among."""
        among = self.policy.among
        return [name for name in self.methods if name != REPREPARE and (among is None or name in (among, RETRAIN))]

    def _shards(self) -> dict[str, TouchesShards]:
        usable = self._choices() if self.policy.operator == AUTO else [self.policy.operator]
        found = {name: self.methods[name] for name in usable if name not in (RETRAIN, REPREPARE)}
        return {name: method for name, method in found.items() if isinstance(method, TouchesShards)}

    def _seed(self, number: int) -> int:
        return int(stream(self.seed, "batch", number).integers(2**31))
