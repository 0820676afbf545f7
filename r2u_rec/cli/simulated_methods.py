"""The methods that the policies of a simulation choose among, built from settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from r2u_rec.cli import build
from r2u_rec.cli.cohorts import Cohorts
from r2u_rec.cli.model_settings import CLOSED_FORMS, FORGETS_BY
from r2u_rec.cli.settings import Settings
from r2u_rec.core.protocols import Method
from r2u_rec.errors import SettingsError
from r2u_rec.simulation.policies import AUTO, NONE, REPREPARE, RETRAIN, Policy
from r2u_rec.unlearn.retrain import Retrain

SHARDED = "sharded"
BY_RULE = " for ascent"


def operators_of(policy: Policy, model: str) -> tuple[str, ...]:
    """Returns the operators that a policy may use on a model of that name, the one that makes the first model in front.

    Raises:
        SettingsError: the operator does not fit the model.
    """
    if policy.operator in (NONE, RETRAIN):
        return (RETRAIN,)
    if policy.operator == AUTO and policy.among is None:
        return ("exact" if model in CLOSED_FORMS else "newton" if policy.trained == "standard" else "ascent", RETRAIN)
    operator = policy.among or policy.operator
    if operator not in FORGETS_BY[model]:
        there = " or ".join(name for name in FORGETS_BY[model] if name != RETRAIN)
        raise SettingsError(f"policy {policy.name!r} does not fit model.name={model}, which forgets by {there}")
    if operator == SHARDED and (policy.trained != "standard" or policy.reprepare_every_days is not None):
        what = f"trained={policy.trained}" if policy.trained != "standard" else "reprepare_every_days"
        raise SettingsError(
            f"policy {policy.name!r}: shards are trained plainly, for who is revocable would be decided by records of others and "
            f"erasing would not be exact: leave {what} out"
        )
    return (operator, RETRAIN)


def methods_of(
    s: Settings, policy: Policy, cohorts: Cohorts, operators: Sequence[str], *, length: float | None = None
) -> dict[str, Method]:
    """Returns operator -> method.

    Args:
        operators: as `operators_of` gives them.
        length: of the edit, where it was set before; None: by the rule of the settings.
    """
    made: dict[str, Method] = {}
    for operator in operators:
        if operator == SHARDED:
            made[operator] = build.sharded(s, policy.trained, s.simulate.shards)
        elif operator != RETRAIN:
            made[operator] = build.method(s, policy.trained, operator, cohorts, length=length)
    if RETRAIN in operators:  # trained again, a model needs the memory of the operator that goes on editing it
        first = next(iter(made.values()), None)
        made[RETRAIN] = first if first is not None else retraining(s, policy.trained, cohorts)
    if policy.reprepare_every_days is not None and operators[0] != RETRAIN and s.model.name not in CLOSED_FORMS:
        made[REPREPARE] = build.method(s, "ready2unlearn", operators[0], cohorts, length=length)
    return made


def retraining(s: Settings, arm: str, cohorts: Cohorts) -> Any:
    """Returns the method that trains from scratch: the reference."""
    closed = s.model.name in CLOSED_FORMS
    return build.method(s, arm, "exact", cohorts) if closed else Retrain(build.trainer(s, arm, cohorts.revocable))


def start_name(s: Settings, policy: Policy) -> str:
    """Returns the name of the model that a policy starts from; policies of one way of training share it.

    Ascent that goes as far as canaries say keeps that length, and has a model of its own beside the one that keeps a Newton step's.
    """
    by_rule = s.forget.target in build.RULES and "ascent" in operators_of(policy, s.model.name)
    return f"{policy.trained}{BY_RULE}" if by_rule else policy.trained


def starts(s: Settings, policies: Mapping[str, Policy]) -> dict[str, tuple[str, ...]]:
    """Returns name of a first model -> operators whose memory and cost it must have, what needs a memory in front."""
    found: dict[str, set[str]] = {}
    for policy in policies.values():
        found.setdefault(start_name(s, policy), set()).update(set(operators_of(policy, s.model.name)) - {SHARDED})
    order = ("exact", "newton", "ascent", RETRAIN)
    return {name: tuple(each for each in order if each in operators) for name, operators in found.items()}
