"""Systems that edit one trained model and read nothing but the request and what they kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.systems.registry import MethodSpec, System, recommender
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.preference import NegativePreference

ASCENT = {"steps": 10, "lr": 0.02, "length": "canaries"}
NEWTON = {"length": "canaries", "damping": 0.1, "n_draws": 32}
STEPS = frozenset({"steps", "losses"})


def item_tables(case: BenchmarkContext) -> tuple[str, ...] | None:
    """Returns the tables that everyone is served from: those that the preset names for the Newton step, or the recommender itself.

    None, all parameters, where neither does.
    """
    named = case.newton.get("tables")
    if named is not None:
        return tuple(named)
    return recommender(case.name).item_tables


def ascent(case: BenchmarkContext, options: Mapping[str, Any], **bound: Any) -> GradientAscent:
    """Returns plain gradient ascent on the summed loss of the request."""
    return GradientAscent(options["steps"], options["lr"], reduction="sum", tables=item_tables(case), **bound)


def _ascent(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    return MethodSpec(PostHoc(case.trainer(), case.scaled(ascent(case, options), options["length"])))


def _bounded(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    bounded = ascent(case, options, bound="cap", bound_level=options["bound_level"])
    return MethodSpec(PostHoc(case.trainer(), case.scaled(bounded, options["length"])))


@dataclass(frozen=True)
class ByRecord:
    """An edit on the mean loss whose step grows with the request, as a sum of gradients would.

    Attributes:
        make: number of records -> the edit.
    """

    make: Callable[[int], Any]

    def check(self, task: Any) -> None:
        self.make(1).check(task)

    def remember(self, task: Any, model: nn.Module, records: Any, *, seed: int) -> Any:
        """Returns what the edit keeps."""
        return self.make(1).remember(task, model, records, seed=seed)

    def edit_(self, task: Any, model: nn.Module, forget: Any, memory: Any, *, seed: int) -> Any:
        """Edits in place."""
        return self.make(len(forget.ids)).edit_(task, model, forget, memory, seed=seed)


def npo(case: BenchmarkContext, options: Mapping[str, Any]) -> ByRecord:
    """Returns negative preference optimisation; `lr` is that of one record."""

    def make(n: int) -> NegativePreference:
        return NegativePreference(options["steps"], options["lr"] * n, options["beta"], tables=item_tables(case))

    return ByRecord(make)


def _npo(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    return MethodSpec(PostHoc(case.trainer(), case.scaled(npo(case, options), options["length"])))


def _newton(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    length = case.rule() if options["length"] == "canaries" else float(options["length"])
    return MethodSpec(PostHoc(case.trainer(), newton(case, length, options)))


def newton(case: BenchmarkContext, length: Any, options: Mapping[str, Any]) -> BlockNewton:
    """Returns the Newton step with the preset's settings for the recommender's tables, and the options over them."""
    own = case.newton | {"damping": options["damping"], "n_draws": options["n_draws"]}
    if own.get("tables") is not None:
        own["tables"] = tuple(own["tables"])
    return BlockNewton(length, **own)


SYSTEMS = (
    System("ascent", "ascent", "Ready2Unlearn, Section 3.1, the paper's operator", "edit", "request", STEPS, _ascent, ASCENT),
    System(
        "ascent_bounded",
        "ascent, bounded",
        "ours: no loss counts beyond a level",
        "edit",
        "request",
        STEPS,
        _bounded,
        {**ASCENT, "bound_level": 1.0},
    ),
    System("npo", "NPO", "Zhang et al. 2024, negative preference", "edit", "request", STEPS, _npo, {**ASCENT, "beta": 1.0}),
    System(
        "newton",
        "Newton, item blocks",
        "ours: down-dated Newton step a row",
        "edit",
        "request",
        frozenset({"contacts"}),
        _newton,
        NEWTON,
    ),
)
