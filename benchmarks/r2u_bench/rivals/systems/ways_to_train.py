"""Ways to train, each followed by the paper's operator or by none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.systems.edits import ASCENT, NEWTON, STEPS, ascent, item_tables, newton
from r2u_bench.rivals.systems.references import NoEdit
from r2u_bench.rivals.systems.registry import MethodSpec, System
from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.privacy.clipping import clipped
from r2u_rec.core.protocols import Split
from r2u_rec.core.step import Step
from r2u_rec.core.strategies import isolated, phased, reweighted
from r2u_rec.recsys.tasks.noisy import noisy
from r2u_rec.recsys.tasks.private_tables import private_tables
from r2u_rec.unlearn.post_hoc import PostHoc

Strategy = Callable[[Any], Step]


def strategy(case: BenchmarkContext, way: str) -> Strategy:
    """Returns records -> step of a way to train, with the preset's settings of it."""
    s = case.way(way)
    makers: dict[str, Strategy] = {
        "reweighted": lambda records: reweighted(case.revocable_ids(records), s["weight"]),
        "noisy": lambda records: noisy(case.revocable_ids(records), s["sigma"]),
        "clipped": lambda records: clipped(case.revocable_ids(records), s["max_norm"]),
        "phased": lambda records: phased(case.revocable_ids(records), s["share"]),
        "isolated": lambda records: isolated(case.revocable_ids(records), item_tables(case) or ()),
        "private": lambda records: private_tables(batch_size=case.training.batch_size, **s),
        "ready2unlearn": lambda records: prepared(case, records, s),
        "paper": lambda records: prepared(case, records, s),
    }
    return makers[way]


def prepared(case: BenchmarkContext, records: Any, s: Mapping[str, Any]) -> Ready2Unlearn:
    """Returns the step of Ready2Unlearn in the last epochs; with `request_share` it simulates requests, else x_f is drawn at random."""
    forget = case.revocable_ids(records)
    own = dict(s["preparation"])
    if "displace" in own:
        own["displace"] = tuple(own["displace"])
    share = s.get("request_share")
    return Ready2Unlearn(
        Split(forget, np.setdiff1d(records.ids, forget, assume_unique=True), forget[:0]),
        Preparation(
            **own,
            epochs=max(1, round(s["epochs_share"] * case.training.epochs)),
            request=None if share is None else case.simulated_request(records, share),
        ),
    )


def _system(way: str, title: str, source: str, operator: str, needs: frozenset[str] = STEPS) -> System:
    def build(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
        trainer = case.trainer(way, strategy(case, way))
        if operator == "ascent":
            return MethodSpec(PostHoc(trainer, case.scaled(ascent(case, options), options["length"])))
        if operator == "newton":
            return MethodSpec(PostHoc(trainer, newton(case, case.rule(), NEWTON | case.newton)))
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
