"""The methods that the policies of a simulation choose among, built from settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from r2u_rec.config.plan import Plan
from r2u_rec.config.settings import Settings
from r2u_rec.core.protocols import Method
from r2u_rec.errors import SettingsError
from r2u_rec.registry.specs import ModelSpec
from r2u_rec.registry.tables import METHODS, MODELS
from r2u_rec.simulation.policies import AUTO, NONE, REPREPARE, RETRAIN, Policy
from r2u_rec.study.context import FitContext

BY_RULE = " for ascent"
RULES = ("canaries", "shadow")


def in_shards(operator: str) -> bool:
    """Returns whether a method trains in shards: it has a first model and a cost of its own."""
    return operator in METHODS and METHODS.get(operator).family == "shards"


def operators_of(policy: Policy, model: str) -> tuple[str, ...]:
    """Returns the methods that a policy may use on a model of that name, the one that makes the first model in front.

    Raises:
        SettingsError: the method does not fit the model.
    """
    spec = MODELS.get(model)
    if policy.operator in (NONE, RETRAIN):
        return (RETRAIN,)
    if policy.operator == AUTO and policy.among is None:
        return (spec.method if spec.closed_form or policy.trained == "standard" else "ascent", RETRAIN)
    operator = policy.among or policy.operator
    how = METHODS.get(operator)
    if how.lacks(spec):
        there = " or ".join(name for name in fitting_methods(spec) if name != RETRAIN)
        raise SettingsError(f"policy {policy.name!r} does not fit model.name={model}, which forgets by {there}")
    if in_shards(operator) and (policy.trained != "standard" or policy.reprepare_every_days is not None):
        what = f"trained={policy.trained}" if policy.trained != "standard" else "reprepare_every_days"
        raise SettingsError(
            f"policy {policy.name!r}: shards are trained plainly, for who is revocable would be decided by records of others and "
            f"erasing would not be exact: leave {what} out"
        )
    return (operator, RETRAIN)


def fitting_methods(spec: ModelSpec) -> list[str]:
    """Returns the names of the methods that fit a model."""
    return [name for name, how in METHODS.items() if not how.lacks(spec)]


def plan_of(s: Settings, arm: str, operator: str) -> Plan:
    """Returns the plan of an arm and a method, with the number of shards of the simulation."""
    plan = s.plan(arm=arm, method=operator)
    return replace(plan, method_settings=replace(plan.method_settings, shards=s.simulate.shards)) if in_shards(operator) else plan


def methods_of(s: Settings, policy: Policy, parts: Mapping[str, Any], operators: Sequence[str]) -> dict[str, Method]:
    """Returns operator -> method.

    Args:
        parts: fields of the `FitContext` that methods are built for: who is revocable, who calibrates, a stored length.
        operators: as `operators_of` gives them.
    """
    made: dict[str, Method] = {}
    for operator in operators:
        if operator != RETRAIN:
            made[operator] = built(plan_of(s, policy.trained, operator), parts)
    if RETRAIN in operators:  # trained again, a model needs the memory of the method that goes on editing it
        first = next(iter(made.values()), None)
        made[RETRAIN] = first if first is not None else retraining(s, policy.trained, parts)
    if policy.reprepare_every_days is not None and operators[0] != RETRAIN and MODELS.get(s.model.name).training is not None:
        made[REPREPARE] = built(plan_of(s, "ready2unlearn", operators[0]), parts)
    return made


def built(plan: Plan, parts: Mapping[str, Any]) -> Method:
    """Returns the method of a plan."""
    return plan.build(context_of(plan, parts))


def context_of(plan: Plan, parts: Mapping[str, Any]) -> FitContext:
    """Returns what a plan's method is built for."""
    return plan.context(progress=False, **parts)


def retraining(s: Settings, arm: str, parts: Mapping[str, Any]) -> Method:
    """Returns the method that trains from scratch: the reference."""
    spec = MODELS.get(s.model.name)
    return built(s.plan(arm=arm, method="exact" if spec.closed_form is not None else RETRAIN), parts)


def start_name(s: Settings, policy: Policy) -> str:
    """Returns the name of the model that a policy starts from; policies of one way of training share it.

    Ascent that goes as far as canaries say keeps that length, and has a model of its own beside the one that keeps a Newton step's.
    """
    by_rule = getattr(s.forget.methods.get("ascent"), "target", None) in RULES and "ascent" in operators_of(policy, s.model.name)
    return f"{policy.trained}{BY_RULE}" if by_rule else policy.trained


def starts(s: Settings, policies: Mapping[str, Policy]) -> dict[str, tuple[str, ...]]:
    """Returns name of a first model -> methods whose memory and cost it must have, what needs a memory in front."""
    found: dict[str, set[str]] = {}
    for policy in policies.values():
        mine = {operator for operator in operators_of(policy, s.model.name) if not in_shards(operator)}
        found.setdefault(start_name(s, policy), set()).update(mine)
    order = sorted(METHODS, key=lambda name: (name == RETRAIN, name == "ascent", name != "newton"))
    return {name: tuple(each for each in order if each in chosen) for name, chosen in found.items()}
