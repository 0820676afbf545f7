"""Systems that edit one trained model and read the retained data too: marked as such."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.systems.edits import STEPS
from r2u_bench.rivals.systems.registry import MethodSpec, System
from r2u_rec.recsys.edits.alt_eraser import AltEraser
from r2u_rec.recsys.edits.spill_over import ifru, scif
from r2u_rec.unlearn.curvature.influence import Influence
from r2u_rec.unlearn.curvature.solvers import ConjugateGradient, Neumann
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.layers.student_layers import UnlearningLayers
from r2u_rec.unlearn.preference import NegativePreference
from r2u_rec.unlearn.retain_regularised import RetainRegularised
from r2u_rec.unlearn.tuned import FineTune, Tuned

TABLES = STEPS | {"tables"}


def _fine_tune(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    settings = replace(case.training, epochs=options["epochs"], lr=options["lr"], average_share=0.0)
    return MethodSpec(Tuned(case.trainer(), FineTune(replace(case.gradient_trainer(), training=settings))))


def _ascent_retain(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    climb = GradientAscent(options["steps"], options["lr"], optimizer="adam", tables=case.item_tables)
    edit = RetainRegularised(climb, options["weight"], batch_size=None)
    return MethodSpec(Tuned(case.trainer(), case.scaled_tuner(edit, options["length"])))


def _npo_retain(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    climb = NegativePreference(options["steps"], options["lr"], options["beta"], optimizer="adam", tables=case.item_tables)
    edit = RetainRegularised(climb, options["weight"], batch_size=None)
    return MethodSpec(Tuned(case.trainer(), case.scaled_tuner(edit, options["length"])))


def _influence(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    solver = ConjugateGradient() if options["solver"] == "cg" else Neumann()
    edit = Influence(options["damping"], tables=case.item_tables, solver=solver)
    return MethodSpec(Tuned(case.trainer(), case.scaled_tuner(edit, options["length"])))


def _ifru(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    edit = ifru(options["hops"], damping=options["damping"], tables=case.item_tables)
    return MethodSpec(Tuned(case.trainer(), case.scaled_tuner(edit, options["length"])))


def _scif(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    return MethodSpec(Tuned(case.trainer(), scif(damping=options["damping"])))


def _eul(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    own = {key: value for key, value in options.items() if key != "length"}
    edit = UnlearningLayers(**own, tables=case.item_tables, keep_layers=False)
    return MethodSpec(Tuned(case.trainer(), case.scaled_tuner(edit, options["length"])))


def _alt_eraser(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    return MethodSpec(AltEraser(case.trainer(), n_rounds=options["rounds"]))


SYSTEMS = (
    System(
        "fine_tune",
        "fine-tuning",
        "goes on training on what remains; Golatkar et al. 2020",
        "reference",
        "retained",
        frozenset({"steps"}),
        _fine_tune,
        {"epochs": 100, "lr": 0.01},
    ),
    System(
        "ascent_retain",
        "ascent + retain term",
        "gradient difference; Liu et al. 2022",
        "tuned",
        "retained",
        STEPS,
        _ascent_retain,
        {"steps": 49, "lr": 0.005, "weight": 6.0, "length": "canaries"},
    ),
    System(
        "npo_retain",
        "NPO + retain term",
        "Zhang et al. 2024, Section 3",
        "tuned",
        "retained",
        STEPS,
        _npo_retain,
        {"steps": 52, "lr": 0.005, "beta": 1.0, "weight": 6.0, "length": "canaries"},
    ),
    System(
        "influence",
        "influence",
        "Koh and Liang 2017, conjugate gradients on the item table (solver=lissa: Neumann series)",
        "tuned",
        "retained",
        TABLES,
        _influence,
        {"solver": "cg", "damping": 0.2, "length": "canaries"},
    ),
    System(
        "scif",
        "SCIF",
        "Li et al. 2023, selective and collaborative influence",
        "tuned",
        "retained",
        TABLES | {"rows"},
        _scif,
        {"damping": 0.1},
    ),
    System(
        "ifru",
        "IFRU",
        "Zhang et al. 2023, influence with spill-over, by conjugate gradients",
        "tuned",
        "retained",
        TABLES,
        _ifru,
        {"hops": 0, "damping": 0.2, "length": "canaries"},
    ),
    System(
        "eul",
        "EUL layers",
        "Chen and Yang 2023, low-rank layers with a selective teacher",
        "tuned",
        "retained",
        STEPS,
        _eul,
        {"steps": 100, "lr": 0.01, "rank": 64, "batch_size": 8192, "forget_weight": 0.5, "push": 1.25, "length": "canaries"},
    ),
    System(
        "alt_eraser",
        "AltEraser",
        "Liu et al. 2022, alternating Newton blocks",
        "tuned",
        "retained",
        TABLES | {"rows", "contacts"},
        _alt_eraser,
        {"rounds": 3},
    ),
)
