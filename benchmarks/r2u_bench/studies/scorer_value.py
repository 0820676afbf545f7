"""What a scorer buys: what is kept when those ask whom it flagged, whom another scorer flagged, whom it did not flag, or anyone.

    r2u bench scorer_value                                   # settings in scorer_value.yaml and forgetting.yaml
    r2u bench scorer_value --part validation --seeds 900 --epochs 20      # a trial: printed, not written

A model is prepared for the upper half of the users by each scorer in turn. Requests of a tenth of the users come from the upper and
the lower half by each scorer, and from anyone; all models face the same requests, and every request has retrained references of its own.
Models are compared at equal imprint: plain ascent until the imprint AUC is .55. Writes results/scorer_value.json, its main
lines to results/main_scorer_value.json, and docs/scorer_value.png. Models and rows are kept in --work, so that a run can be resumed,
and scorers can join later.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
import torch
import yaml

from r2u_bench.rivals.kept import kept
from r2u_bench.studies.forgetting_arms import task_of, trained
from r2u_bench.studies.forgetting_judge import (
    SHADOW_CANARIES,
    RequestJudge,
    Shadow,
    ascended,
    figures_of,
    judge_of,
    newton_steps,
    row_of,
)
from r2u_bench.studies.scorer_value_population import (
    EVERYONE,
    STANDARD,
    flagged_share,
    needed,
    overlap,
    populate,
    population_hashes,
)
from r2u_rec.core.stored import Json
from r2u_rec.study.halves import ANYONE, HalvesStudy, lower, top
from r2u_rec.study.quality import Part
from r2u_rec.study.study import Study

HERE = Path(__file__).resolve().parent
CHOOSING = 900
"""Seeds from here on are for trials."""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["test", "validation"], default="test")
    parser.add_argument("--seeds", type=int, nargs="+", help="instead of those of scorer_value.yaml")
    parser.add_argument("--epochs", type=int, help="fewer than in forgetting.yaml, for a trial")
    parser.add_argument("--work", type=Path, default=Path("runs/scorer_value"), help="where models and rows are kept")
    parser.add_argument("--results", type=Path, default=HERE.parent / "results")
    parser.add_argument("--picture", type=Path, default=HERE.parent / "docs" / "scorer_value.png")
    a = parser.parse_args(argv)
    s = settings_of(a.epochs)
    seeds = a.seeds or s["seeds"]
    if a.part == "test" and (a.epochs or max(seeds) >= CHOOSING):
        parser.error(f"what is reported has the epochs of forgetting.yaml and seeds below {CHOOSING}; try with --part validation")
    if a.part == "validation" and min(seeds) < CHOOSING:
        parser.error(f"trials have seeds from {CHOOSING} on, got {min(seeds)}: the others are reported")
    torch.set_num_threads(1)
    mark = {key: value for key, value in s.items() if key not in ("scorers", "seeds", "newton_requests")}
    folder = a.work / f"{a.part}-{hashlib.sha256(json.dumps(mark, sort_keys=True).encode()).hexdigest()[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    studied = {seed: seed_rows(seed, s, a.part, folder) for seed in seeds}
    from r2u_bench.studies.scorer_value_table import show, write  # beside this file

    if a.part == "validation":
        print(show(studied, s))
        return
    print(write(studied, s, a.results, a.picture))


def settings_of(epochs: int | None) -> dict[str, Any]:
    """Returns the settings of this study over those of the forgetting study for the data set."""
    own, shared = (yaml.safe_load((HERE / f"{name}.yaml").read_text()) for name in ("scorer_value", "forgetting"))
    used = shared[own["dataset"]]
    s = {key: shared[key] for key in ("prepare", "newton", "ascent", "request_share")}
    s |= {key: used[key] for key in ("strangers_share", "n_halves", "task", "ascent_lr", "training")}
    s |= own | {"arms": {arm: used["arms"][arm] for arm in (STANDARD, own["arm"])}}
    return s | {"training": s["training"] | ({"epochs": epochs} if epochs else {})}


@dataclass
class Seed:
    """The models and rows of one seed, each made the first time it is asked for and kept."""

    seed: int
    s: dict[str, Any]
    folder: Path
    population: HalvesStudy

    def model(self, arm: str) -> tuple[Any, float]:
        """Returns the model of an arm, trained on everyone, and the processor seconds it took."""
        study = self.population.study if arm == STANDARD else self.population.prepared_for(arm)
        return self._kept(arm, STANDARD if arm == STANDARD else self.s["arm"], study, study.records, self.seed)

    def reference(self, request: str, k: int) -> tuple[Any, float]:
        """Returns the k-th model retrained without those asking."""
        study = self.population.study
        return self._kept(f"without {request}, {k}", STANDARD, study, study.left(request), 1000 * (self.seed + 1) + k)

    def _kept(self, name: str, arm: str, study: Study, records: Any, seed: int) -> tuple[Any, float]:
        folder = self.folder / f"{self.seed}, {name}"
        about: dict[str, Json] = {"arm": arm, "seed": seed}
        return kept(folder, task_of(self.s), records, lambda: trained(arm, self.s, study, records, seed), about=about)

    def rows(self, request: str) -> list[dict[str, Any]]:
        """Returns the rows of one request; arms that have none yet are measured, the others read."""
        path = self.folder / f"{self.seed}, {request}.json"
        kept: dict[str, list[dict[str, Any]]] = json.loads(path.read_text()) if path.exists() else {}
        wanted = ["retrained", *(arm for arm in (STANDARD, EVERYONE, *self.s["scorers"]) if needed(arm, request))]
        wanted += ["Newton"] if request in self.s["newton_requests"] else []
        lacking = [arm for arm in wanted if arm not in kept]
        if lacking:
            references = [self.reference(request, k) for k in range(self.s["n_references"])]
            judge = judge_of([model for model, _ in references], self.model(STANDARD)[0], self.population.study, request, self.s)
            for arm in lacking:
                kept[arm] = list(self._measured(arm, request, judge, references))
            whole = path.with_suffix(".part")
            whole.write_text(json.dumps(kept))
            whole.replace(path)
            print(f"seed {self.seed}: {request} done: {', '.join(lacking)}", flush=True)
        return [row for arm in wanted for row in kept[arm]]

    def _measured(self, arm: str, request: str, judge: RequestJudge, references: list[tuple[Any, float]]) -> Iterator[dict[str, Any]]:
        study, seed = self.population.study, self.seed
        if arm == "retrained":
            for (model, seconds), verdict in zip(references, judge.evaluator.evidence.references, strict=True):
                row = row_of(STANDARD, "retrained", request, seed) | figures_of(verdict)
                yield row | {"NDCG@20": study.value(model, request), "training_cpu_seconds": seconds}
        elif arm == "Newton":
            near = self.population.canaries_of(request)
            yield from newton_steps(
                STANDARD, self.model(STANDARD)[0], self.s, near, {request: judge}, Shadow(self.s, near), seed, operators=(SHADOW_CANARIES,)
            )
        else:
            model, seconds = self.model(arm)
            before = row_of(arm, "none", request, seed) | figures_of(judge.evaluator.judge(model))
            yield before | {"NDCG@20": study.value(model, request), "training_cpu_seconds": seconds}
            yield ascended(arm, request, model, self.s, study, judge, Shadow(self.s, study), seed)


def seed_rows(seed: int, s: dict[str, Any], part: Part, folder: Path) -> dict[str, Any]:
    """Returns the rows of one seed, each with who of those asking was flagged, and how far the scorers' halves overlap."""
    population = populate(seed, s, part, folder)
    mine = Seed(seed, s, folder, population)
    requests = (ANYONE, *(half(name) for name in s["scorers"] for half in (top, lower)))
    rows = [
        row | {"flagged_share": flagged_share(population, row["arm"], request), "halves_overlap": overlap(population, row["arm"], request)}
        for request in requests
        for row in mine.rows(request)
    ]
    return {"rows": rows, "split_hashes": population_hashes(population)}


if __name__ == "__main__":
    main()
