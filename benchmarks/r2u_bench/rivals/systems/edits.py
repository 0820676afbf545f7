"""Systems that edit one trained model and read nothing but the request and what they kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.systems.registry import MethodSpec, System
from r2u_rec.registered.methods.ascent import AscentByRecord
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.preference import NegativePreference

ASCENT = {"steps": 10, "lr": 0.02, "length": "canaries"}
NEWTON = {"length": "canaries", "damping": 0.1, "n_draws": 32}
STEPS = frozenset({"steps", "losses"})


def ascent(case: BenchmarkContext, options: Mapping[str, Any], **bound: Any) -> GradientAscent:
    """Returns plain gradient ascent on the summed loss of the request."""
    return GradientAscent(options["steps"], options["lr"], reduction="sum", tables=case.item_tables, **bound)


def _ascent(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    return MethodSpec(PostHoc(case.trainer(), case.scaled(ascent(case, options), options["length"])))


def _bounded(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    bounded = ascent(case, options, bound="cap", bound_level=options["bound_level"])
    return MethodSpec(PostHoc(case.trainer(), case.scaled(bounded, options["length"])))


def npo(case: BenchmarkContext, options: Mapping[str, Any]) -> AscentByRecord:
    """Returns negative preference optimisation; `lr` is that of one record."""

    def make(n: int) -> NegativePreference:
        return NegativePreference(options["steps"], options["lr"] * n, options["beta"], tables=case.item_tables)

    return AscentByRecord(make)


def _npo(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    return MethodSpec(PostHoc(case.trainer(), case.scaled(npo(case, options), options["length"])))


def _newton(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    return MethodSpec(PostHoc(case.trainer(), newton(case, case.length(options["length"]), options)))


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
