"""One model and seed of the study `neural_forgetting`: references, the trained model, and what each rule for the length leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from r2u_bench.studies import forgetting_split
from r2u_bench.studies.forgetting_judge import figures_of  # beside this file
from r2u_bench.studies.forgetting_split import build_study
from r2u_rec.core.protocols import Fitted
from r2u_rec.core.strategies import isolated, standard
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data import Parts, random_per_user
from r2u_rec.data.chronology import chronological_order
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.split import given
from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.length.canary_rule import CanaryRule, ShadowRule
from r2u_rec.evaluate.proof import ForgettingEvaluator
from r2u_rec.recsys.models.autoencoder import autoencoder
from r2u_rec.recsys.models.sasrec import sasrec
from r2u_rec.recsys.tasks.history import HistoryTask, Polished
from r2u_rec.recsys.tasks.ranking import RankingTask, lightgcn, neumf
from r2u_rec.recsys.tasks.sequence import SequenceTask
from r2u_rec.study.flagged import FLAGGED
from r2u_rec.study.quality import Part
from r2u_rec.study.study import Study
from r2u_rec.unlearn.curvature.block_newton import BlockNewton, NewtonMemory
from r2u_rec.unlearn.post_hoc import PostHoc

TASKS = {
    "sasrec": lambda build, task: SequenceTask(sasrec(**build), **task),
    "autoencoder": lambda build, task: HistoryTask(autoencoder(**build), **task),
    "neumf": lambda build, task: RankingTask(neumf(**build), **task),
    "lightgcn": lambda build, task: RankingTask(lightgcn(**build), **task),
}


def last_tenths(log: InteractionLog, *, seed: int) -> Parts:
    """Gives each user's last tenth of records to test and the tenth before to validation; what a sequential model is made for."""
    order = chronological_order(log)
    place = np.empty(len(log))
    place[order] = np.arange(len(log)) - (np.cumsum(log.user_counts) - log.user_counts)[log.user[order]]
    share = (place + 0.5) / log.user_counts[log.user]
    return given(log, test=share > 0.9, validation=(share > 0.8) & (share <= 0.9))


SPLITS = {"random": random_per_user, "last tenths": last_tenths}


@dataclass
class Timed:
    """A trainer that adds up the processor seconds of its trainings and keeps the last shadow model."""

    trainer: Any
    kept: tuple[int, int, Any] | None = None
    seconds: float = 0.0

    def train(self, task: Any, records: Any, *, seed: int) -> Any:
        if self.kept is None or self.kept[:2] != (seed, len(records)):
            begun = time.process_time()
            model = self.trainer.train(task, records, seed=seed)
            self.seconds = time.process_time() - begun
            self.kept = (seed, len(records), model)
        return self.kept[2]


def trainer_of(m: dict[str, Any], study: Study) -> Any:
    """Returns the trainer of a model's settings."""
    shared = tuple(m.get("isolated", ()))

    def strategy(records: Any) -> Any:
        return isolated(records.ids_of_users(study.revocable), shared) if shared else standard

    trainer = GradientTrainer(Training(**m["training"]), strategy)
    return Polished(trainer, **m["polish"]) if "polish" in m else trainer


def seed_rows(name: str, seed: int, s: dict[str, Any], part: Part) -> dict[str, Any]:
    """Returns the rows of one model in one seed, and the hashes of its split."""
    torch.set_num_threads(1)
    m = s["models"][name]
    study = build_study(s["dataset"], seed, s, part, split=SPLITS[m.get("split", "random")])
    task, trainer = TASKS[m["kind"]](m["build"], m.get("task", {})), Timed(trainer_of(m, study))
    model = trainer.train(task, study.records, seed=seed)
    rows = [row_of(name, "none", seed) | {"NDCG@20": study.value(model, FLAGGED), "training_cpu_seconds": trainer.seconds}]
    references = []
    for k in range(s["n_references"]):
        references.append(trainer.train(task, study.left(FLAGGED), seed=1000 * (seed + 1) + k))
        quality = {"NDCG@20": study.value(references[-1], FLAGGED), "training_cpu_seconds": trainer.seconds}
        rows.append(row_of(name, "retrained", seed) | quality)
    try:
        evaluator = ForgettingEvaluator(references, *study.probes(FLAGGED, s["n_halves"], seed=1), remembered=model)
    except EvidenceError as error:  # stands in the file; its NDCG does not need a proof
        return {"rows": rows, "refused": str(error), "split_hashes": hashes_of(study, seed)}
    rows[0] |= figures_of(evaluator.judge(model))
    for row, verdict in zip(rows[1:], evaluator.evidence.references, strict=True):
        row |= figures_of(verdict)
    for row in newton_steps(name, task, model, trainer, m, s, study, seed):
        after = row.pop("model_after")
        rows.append(row | figures_of(evaluator.judge(after)) | {"NDCG@20": study.value(after, FLAGGED)})
        print(part, seed, name, row["operator"], {k: round(v, 4) for k, v in rows[-1].items() if isinstance(v, float)}, flush=True)
    return {"rows": rows, "split_hashes": hashes_of(study, seed)}


def newton_steps(
    name: str, task: Any, model: Any, trainer: Timed, m: dict[str, Any], s: dict[str, Any], study: Study, seed: int
) -> Iterator[dict[str, Any]]:
    """The Newton step, its length set by each rule that the settings name; a number is a length fixed beforehand."""
    settings = dict(m["newton"])
    settings["tables"] = tuple(settings["tables"])
    ids, kept = study.request_ids(FLAGGED), None
    for rule in m["rules"]:
        length: Any = rule
        if isinstance(rule, str):
            kind, evidence = rule.split(", ")
            canaries = CanaryRule(
                study.calibration_log,
                study.candidates,  # nobody by whom the outcome is judged is a canary
                n_canaries=len(study.request(FLAGGED).forget),
                n_halves=s["rule_halves"],
                longest=s["longest"],
                seed=seed,
                evidence=evidence,  # type: ignore[arg-type]
            )
            length = ShadowRule(canaries, trainer) if kind == "shadow" else canaries
        begun = time.process_time()
        try:
            unlearner = BlockNewton(length, **settings)
            if kept is not None and not callable(length):
                memory = NewtonMemory(kept.tables, float(length))
            else:
                memory = kept = unlearner.remember(task, model, study.records, seed=seed)
        except EvidenceError as error:
            print(name, seed, rule, error, flush=True)
            continue
        release = time.process_time() - begun
        begun = time.process_time()
        out = PostHoc(trainer, unlearner).forget(task, Fitted(model, study.records, memory), ids, seed=seed)
        yield row_of(name, f"Newton, {rule}", seed) | {
            "model_after": out.model,
            "length": memory.length,
            "release_cpu_seconds": release,
            "cpu_seconds": time.process_time() - begun,
            "memory_mb": memory.nbytes / 1e6,
        }


def row_of(name: str, operator: str, seed: int) -> dict[str, Any]:
    return {"model": name, "request": "flagged", "operator": operator, "seed": seed, "split": seed}


def hashes_of(study: Study, seed: int) -> dict[str, str]:
    return {f"{name}, seed {seed}": value for name, value in forgetting_split.hashes_of(study).items()}
