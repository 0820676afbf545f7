"""Ways to train, each followed by the paper's operator or by none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.systems.edits import ASCENT, NEWTON, STEPS, ascent, newton
from r2u_bench.rivals.systems.registry import MethodSpec, System
from r2u_rec.registered.methods.references import NoEdit
from r2u_rec.unlearn.post_hoc import PostHoc


def _system(way: str, title: str, source: str, operator: str, needs: frozenset[str] = STEPS) -> System:
    def build(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
        trainer = case.trainer(way)
        if operator == "ascent":
            return MethodSpec(PostHoc(trainer, case.scaled(ascent(case, options), options["length"])))
        if operator == "newton":
            return MethodSpec(PostHoc(trainer, newton(case, case.length(), NEWTON | case.newton)))
        return MethodSpec(PostHoc(trainer, NoEdit()))

    name = way if operator == "none" else f"{way}_{operator}"
    return System(name, title, source, "training", "request", needs, build, ASCENT if operator == "ascent" else {})


PAPER = "Ready2Unlearn, baselines of Section 4.1.2"
VECTORS = STEPS | {"tables"}
SYSTEMS = (
    _system("reweighted", "re-weighted, ascent", PAPER, "ascent"),
    _system("noisy", "noisy, ascent", PAPER, "ascent", VECTORS),
    _system("clipped", "clipped, ascent", PAPER, "ascent"),
    _system("phased", "phased, ascent", PAPER, "ascent"),
    _system("private", "DP-SGD, no edit", "Abadi et al. 2016; Section 4.2.2", "none", VECTORS | {"rows"}),
    _system("private", "DP-SGD, ascent", "Abadi et al. 2016; Section 4.2.2", "ascent", VECTORS | {"rows"}),
    _system("isolated", "isolated, no edit", "ours: revocable users never write item rows", "none", VECTORS | {"rows"}),
    _system("paper", "Ready2Unlearn as printed, ascent", "Ready2Unlearn, Algorithm 1, printed settings", "ascent"),
    _system("ready2unlearn", "Ready2Unlearn, ascent", "Ready2Unlearn, simulated requests (ours)", "ascent", VECTORS),
    _system("ready2unlearn", "Ready2Unlearn, Newton", "the same, then the Newton step", "newton", VECTORS | {"contacts"}),
)
