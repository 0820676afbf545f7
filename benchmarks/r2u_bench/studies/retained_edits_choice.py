"""How the settings of edits that read retained data were chosen: quality and imprint after a tenth of the users left.

    r2u bench retained_edits_choice --seeds 900 901 902

MovieLens-100K, matrix factorisation as in forgetting.yaml, validation part, seeds that are never reported elsewhere. Prints a table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import yaml

from r2u_bench.studies.forgetting import CHOOSING, HERE  # beside this file
from r2u_bench.studies.forgetting_arms import task_of, trained
from r2u_bench.studies.forgetting_judge import figures_of, judge_of, row_of
from r2u_bench.studies.forgetting_split import build_study
from r2u_bench.studies.forgetting_table import show
from r2u_rec.core.protocols import Fitted
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.recsys.edits.spill_over import ifru, scif
from r2u_rec.study.flagged import FLAGGED
from r2u_rec.unlearn.curvature.influence import Influence
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.preference import NegativePreference
from r2u_rec.unlearn.retain_regularised import RetainRegularised
from r2u_rec.unlearn.tuned import FineTune, Tuned

ITEMS = ("item_*",)
ADAM: dict[str, Any] = {"lr": 0.005, "optimizer": "adam", "tables": ITEMS}
TUNERS = {
    "influence": Influence(tables=ITEMS),
    "influence, damping .1, length .9": Influence(0.1, 0.9, tables=ITEMS),
    "influence, damping .1, length 1.4, curvature of everything": Influence(0.1, 1.4, tables=ITEMS, hessian="all"),
    "influence, both tables, damping 5": Influence(5.0),
    "IFRU, 0 hops": ifru(0, tables=ITEMS),
    "SCIF": scif(),
    "ascent with retain term, 49 steps": RetainRegularised(GradientAscent(steps=49, **ADAM)),
    "the same, bounded, 56 steps": RetainRegularised(GradientAscent(steps=56, bound="cap", bound_level=1.0, **ADAM)),
    "the same, batches of 8192, weight 3, 60 steps": RetainRegularised(GradientAscent(steps=60, **ADAM), 3.0, 8192),
    "NPO with retain term, beta 1, 52 steps": RetainRegularised(NegativePreference(steps=52, beta=1.0, **ADAM)),
    "fine-tuning, 100 epochs": FineTune(GradientTrainer(Training(epochs=100, batch_size=8192, lr=0.01, schedule="linear"))),
}


def rows_of(seed: int, s: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields a row for the model as it was, the retrained ones and each edit."""
    torch.set_num_threads(1)
    study = build_study("ml-100k", seed, s, "validation")
    ids = study.request_ids(FLAGGED)
    base, seconds = trained("standard", s, study, study.records, seed)
    again = [trained("standard", s, study, study.left(FLAGGED), 1000 * (seed + 1) + k) for k in range(s["n_references"])]
    judge = judge_of([model for model, _ in again], base, study, FLAGGED, s)

    def row(operator: str, model: Any, verdict: Any) -> dict[str, Any]:
        found = row_of("standard", operator, FLAGGED, seed) | figures_of(verdict)
        return found | {"NDCG@20": study.value(model, FLAGGED)}

    yield row("none", base, judge.evaluator.judge(base)) | {"training_cpu_seconds": seconds}
    for (model, seconds), verdict in zip(again, judge.evaluator.evidence.references, strict=True):
        yield row("retrained", model, verdict) | {"training_cpu_seconds": seconds}
    for name, tuner in TUNERS.items():
        begun = time.process_time()
        model = Tuned(_NoTraining(), tuner).forget(task_of(s), Fitted(base, study.records), ids, seed=seed).model
        took = time.process_time() - begun
        yield row(name, model, judge.evaluator.judge(model)) | {"seconds_per_user": took / len(study.request(FLAGGED).forget)}
        print(f"seed {seed}: {name} done", flush=True)


class _NoTraining:
    def train(self, task: Any, records: Any, *, seed: int) -> Any:
        raise AssertionError("an edit does not train from scratch")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[900, 901, 902])
    a = parser.parse_args(argv)
    if min(a.seeds) < CHOOSING:
        parser.error(f"settings are chosen with seeds from {CHOOSING} on, got {np.min(a.seeds)}: the others are reported")
    settings = yaml.safe_load((HERE / "forgetting.yaml").read_text())
    print(show([{"rows": list(rows_of(seed, settings | settings["ml-100k"]))} for seed in a.seeds]))


if __name__ == "__main__":
    main()
