"""Models of closed form and of alternating systems: how well they rank, what an erasure costs, how near going on comes to retraining.

    r2u bench closed_forms --seeds 0 1 2                # ranking, cost, Unlearn-ALS, AltEraser
    r2u bench closed_forms --seeds 900 --part validation # for choosing settings

Data set, split and who asks are those of the study `forgetting` (ml-100k, the flagged request). Seconds are processor seconds of one
thread, which other work on the machine does not stretch. Figures on the test part are written to results/closed_forms_FAMILY.json.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from r2u_bench.studies.forgetting_judge import figures_of  # beside this file
from r2u_bench.studies.forgetting_split import build_study
from r2u_rec.core.protocols import Fitted
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.evaluate.proof import ForgettingEvaluator
from r2u_rec.recsys.closed_form.als import AlsTrainer, als_objective
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.closed_form.implicit_bpr import ImplicitBprTrainer
from r2u_rec.recsys.closed_form.item_knn import ItemKnn
from r2u_rec.recsys.closed_form.unlearn_als import UnlearnAls
from r2u_rec.recsys.edits.alt_eraser import AltEraser
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.report import write_benchmark
from r2u_rec.rng import stream
from r2u_rec.study.flagged import FLAGGED
from r2u_rec.study.request import StudyRequest
from r2u_rec.study.study import Study
from r2u_rec.unlearn.retrain import Retrain

HERE = Path(__file__).resolve().parent
QUESTIONS = {
    "ranking": "How well do models of closed form and of alternating systems rank, and what does an erasure cost?",
    "als": "How near to retraining does ALS come that goes on without the forgotten?",
    "mf": "How near to retraining do alternating Newton steps come?",
}
ERASED = "erased"
N_REFERENCES, N_HALVES, N_SINGLE = 3, 5, 5
ALTERNATING = {"embedding_dim": 64, "reg": 0.015, "epochs": 80, "batch_size": 8192, "lr": 0.01, "schedule": "linear", "average_share": 0.25}
TASK = RankingTask(matrix_factorization(ALTERNATING["embedding_dim"]), reg=ALTERNATING["reg"])
MF = GradientTrainer(Training(**{key: ALTERNATING[key] for key in list(ALTERNATING)[2:]}), progress=False)
RANKED = {
    "EASE": Ease(),
    "ItemKNN": ItemKnn(),
    "ALS, retrained": Retrain(AlsTrainer()),
    "ALS, Unlearn-ALS": UnlearnAls(),
    "implicit BPR, retrained": Retrain(ImplicitBprTrainer()),
}


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Returns the value and the processor seconds that it took."""
    begun = time.process_time()
    return call(), time.process_time() - begun


def ranking_rows(study: Study, seed: int) -> Iterator[dict[str, Any]]:
    """Quality before and after 5 % of the users are erased, and seconds of fit, of one user and of all of them."""
    known = np.flatnonzero(study.records.user_counts)
    gone = stream(seed, "erased").choice(known, size=round(0.05 * len(known)), replace=False)
    study = study.with_request(StudyRequest(ERASED, np.sort(gone), gone[:0]))
    for name, method in RANKED.items():
        fitted, fit_seconds = timed(lambda method=method: method.fit(None, study.records, seed=seed))
        after, seconds = timed(lambda m=method, f=fitted: m.forget(None, f, study.records.ids_of_users(gone), seed=seed))
        single = [
            timed(lambda m=method, f=fitted, u=u: m.forget(None, f, f.records.ids_of_users([u]), seed=seed))[1] for u in gone[:N_SINGLE]
        ]
        yield {"arm": "ranking", "operator": name, "seed": seed, "NDCG@20": study.value(fitted.model, ERASED)} | {
            "NDCG@20 after": study.value(after.model, ERASED),
            "fit_seconds": fit_seconds,
            "one_user_seconds": float(np.median(single)),
            "share_seconds": seconds,
            "memory_mb": getattr(fitted.memory, "nbytes", 0) / 1e6,
        }


def forgetting_rows(
    study: Study, seed: int, family: str, train: Retrain, task: Any, systems: dict[str, Any], objective: Any
) -> Iterator[dict[str, Any]]:
    """Each system on the flagged request, beside the references: objective over that of retraining, ranking, imprint."""
    ids, left = study.request_ids(FLAGGED), study.left(FLAGGED)
    fitted = train.fit(task, study.records, seed=seed)
    references, seconds = timed(lambda: [train.fit(task, left, seed=1000 + 10 * seed + i).model for i in range(N_REFERENCES)])
    same_start = train.fit(task, left, seed=seed).model
    deleted = copy.deepcopy(fitted.model)
    deleted.forget_rows_(study.request(FLAGGED).forget)
    evaluator = ForgettingEvaluator(references, *study.probes(FLAGGED, N_HALVES, seed=1), remembered=deleted)
    wanted = objective(same_start, left)

    def row(system: str, model: Any, verdict: Any, took: float) -> dict[str, Any]:
        found = {"arm": family, "operator": system, "seed": seed, "objective_gap": objective(model, left) / wanted - 1}
        return found | {"NDCG@20 after": study.value(model, FLAGGED), "seconds": took} | figures_of(verdict)

    for model, verdict in zip(references, evaluator.evidence.references, strict=True):
        yield row("retrained", model, verdict, seconds / N_REFERENCES)
    yield row("retrained, same start", same_start, evaluator.judge(same_start), seconds / N_REFERENCES)
    yield row("rows deleted", deleted, evaluator.evidence.remembered, 0.0)
    for name, method in systems.items():
        after, took = timed(lambda m=method: m.forget(task, Fitted(fitted.model, study.records), ids, seed=seed))
        yield row(name, after.model, evaluator.judge(after.model), took)


@torch.no_grad()
def mf_objective(model: Any, records: Any) -> float:
    """Mean loss and penalty of the records, with negatives that are the same for every model."""
    losses, penalties = TASK.objective(model, TASK.batch(records, np.tile(records.ids, 4), rng=stream(0, "judged")))
    return float((losses + penalties).double().mean())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--part", choices=["test", "validation"], default="test")
    parser.add_argument("--families", nargs="+", choices=["ranking", "als", "mf"], default=["ranking", "als", "mf"])
    parser.add_argument("--results", type=Path, default=HERE.parent / "results")
    a = parser.parse_args(argv)
    torch.set_num_threads(1)
    settings = yaml.safe_load((HERE / "forgetting.yaml").read_text())
    settings = settings | settings["ml-100k"]
    als = {f"Unlearn-ALS, {n} sweeps": UnlearnAls(n_sweeps=n) for n in (0, 1, 5, 20, 100)}
    mf = {f"AltEraser, {n} rounds": AltEraser(MF, n_rounds=n) for n in (1, 2, 4)}
    hashes = {}
    for family in a.families:
        rows = []
        for seed in a.seeds:
            study = build_study("ml-100k", seed, settings, a.part)
            hashes[str(seed)] = study.part_hashes["trained"]
            if family == "ranking":
                part = ranking_rows(study, seed)
            elif family == "als":
                part = forgetting_rows(
                    study, seed, "ALS", Retrain(AlsTrainer()), None, als, lambda m, records: als_objective(m, records.matrix())
                )
            else:
                part = forgetting_rows(study, seed, "MF", Retrain(MF), TASK, mf, mf_objective)
            for row in part:
                rows.append(row)
                print({key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}, flush=True)
        if a.part == "test":
            print(write(a.results, family, a.seeds, rows, hashes))


def write(results: Path, family: str, seeds: list[int], rows: list[dict[str, Any]], hashes: dict[str, str]) -> Path:
    """Writes the figures of one family to results/closed_forms_FAMILY.json."""
    ranking = ["NDCG@20", "NDCG@20 after", "fit_seconds", "one_user_seconds", "share_seconds", "memory_mb"]
    return write_benchmark(
        results,
        f"closed_forms_{family}",
        question=QUESTIONS[family],
        command=f"r2u bench closed_forms --seeds {' '.join(map(str, seeds))} --families {family}",
        settings={"mf": ALTERNATING, "n_references": N_REFERENCES, "n_halves": N_HALVES, "request": "flagged, 10 % of the users"},
        seeds=seeds,
        figures=rows,
        by=["arm", "operator"],
        columns=ranking if family == "ranking" else ["objective_gap", "NDCG@20 after", "auc", "adaptive_auc", "tpr_at_1fpr", "seconds"],
        split_hashes=hashes,
        notes=["Seconds are processor seconds of one thread.", "Settings were chosen with seed 900 on the validation part."],
    )


if __name__ == "__main__":
    main()
