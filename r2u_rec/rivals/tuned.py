"""Systems that edit one trained model and read the retained data too: marked as such."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from r2u_rec.recsys.alt_eraser import AltEraser
from r2u_rec.recsys.spill_over import ifru, scif
from r2u_rec.rivals.case import Case
from r2u_rec.rivals.edits import ASCENT, STEPS, ascent, item_tables, npo
from r2u_rec.rivals.registry import Built, System
from r2u_rec.unlearn.influence import Influence
from r2u_rec.unlearn.retain_regularised import RetainRegularised
from r2u_rec.unlearn.solvers import ConjugateGradient, Neumann
from r2u_rec.unlearn.tuned import FineTune, Tuned
from r2u_rec.unlearn.unlearning_layers import UnlearningLayers

TABLES = STEPS | {"tables"}


def _fine_tune(case: Case, options: Mapping[str, Any]) -> Built:
    settings = replace(case.training, epochs=options["epochs"], lr=options["lr"], average_share=0.0)
    return Built(Tuned(case.trainer(), FineTune(replace(case.gradient_trainer(), training=settings))))


def _ascent_retain(case: Case, options: Mapping[str, Any]) -> Built:
    def make(n: int) -> RetainRegularised:
        return RetainRegularised(ascent(case, options), options["weight"] * n)  # beside a sum the weight grows with the request

    return Built(Tuned(case.trainer(), case.scaled_tuner(TunedByRecord(make), options["length"])))


def _npo_retain(case: Case, options: Mapping[str, Any]) -> Built:
    def make(n: int) -> RetainRegularised:
        return RetainRegularised(npo(case, options).make(n), options["weight"])

    return Built(Tuned(case.trainer(), case.scaled_tuner(TunedByRecord(make), options["length"])))


@dataclass(frozen=True)
class TunedByRecord:
    """An edit whose settings depend on how many records are to be forgotten; `make`: their number -> the edit."""

    make: Any

    def check(self, task: Any) -> None:
        self.make(1).check(task)

    def remember(self, task: Any, model: nn.Module, records: Any, *, seed: int) -> Any:
        """Returns what the edit keeps."""
        return self.make(1).remember(task, model, records, seed=seed)

    def edit_(self, task: Any, model: nn.Module, forget: Any, left: Any, memory: Any, *, seed: int) -> Any:
        """Edits in place."""
        return self.make(len(forget.ids)).edit_(task, model, forget, left, memory, seed=seed)


def _influence(case: Case, options: Mapping[str, Any]) -> Built:
    solver = ConjugateGradient() if options["solver"] == "cg" else Neumann()
    edit = Influence(options["damping"], tables=item_tables(case), solver=solver)
    return Built(Tuned(case.trainer(), case.scaled_tuner(edit, options["length"])))


def _ifru(case: Case, options: Mapping[str, Any]) -> Built:
    edit = ifru(options["hops"], damping=options["damping"])
    return Built(Tuned(case.trainer(), case.scaled_tuner(edit, options["length"])))


def _scif(case: Case, options: Mapping[str, Any]) -> Built:
    return Built(Tuned(case.trainer(), scif(damping=options["damping"])))


def _eul(case: Case, options: Mapping[str, Any]) -> Built:
    own = {key: value for key, value in options.items() if key != "length"}
    edit = UnlearningLayers(**own, tables=item_tables(case), keep_layers=False)
    return Built(Tuned(case.trainer(), case.scaled_tuner(edit, options["length"])))


def _alt_eraser(case: Case, options: Mapping[str, Any]) -> Built:
    return Built(AltEraser(case.trainer(), n_rounds=options["rounds"]))


SYSTEMS = (
    System(
        "fine_tune",
        "fine-tuning",
        "goes on training on what remains; Golatkar et al. 2020",
        "reference",
        "retained",
        frozenset({"steps"}),
        _fine_tune,
        {"epochs": 20, "lr": 0.004},
    ),
    System(
        "ascent_retain",
        "ascent + retain term",
        "gradient difference; Liu et al. 2022",
        "tuned",
        "retained",
        STEPS,
        _ascent_retain,
        {**ASCENT, "weight": 1.0},
    ),
    System(
        "npo_retain",
        "NPO + retain term",
        "Zhang et al. 2024, Section 3",
        "tuned",
        "retained",
        STEPS,
        _npo_retain,
        {**ASCENT, "beta": 1.0, "weight": 1.0},
    ),
    System(
        "influence",
        "influence",
        "Koh and Liang 2017, conjugate gradients on the item table (solver=lissa: Neumann series)",
        "tuned",
        "retained",
        TABLES,
        _influence,
        {"solver": "cg", "damping": 0.1, "length": "canaries"},
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
        {"hops": 0, "damping": 0.1, "length": "canaries"},
    ),
    System(
        "eul",
        "EUL layers",
        "Chen and Yang 2023, low-rank layers with a selective teacher",
        "tuned",
        "retained",
        STEPS,
        _eul,
        {"steps": 200, "lr": 0.01, "rank": 64, "batch_size": 8192, "forget_weight": 0.5, "push": 1.25, "length": "canaries"},
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
