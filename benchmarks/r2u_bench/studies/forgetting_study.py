"""One seed of the study `forgetting`: cohorts, references, training arms, and what forgetting leaves of each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch

from r2u_bench.studies.forgetting_arms import trained  # beside this file
from r2u_bench.studies.forgetting_judge import (
    RequestJudge,
    Shadow,
    ascended,
    figures_of,
    judge_of,
    newton_steps,
    row_of,
    single_seconds,
)
from r2u_bench.studies.forgetting_split import build_study, hashes_of
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.study.quality import Part
from r2u_rec.study.study import Study

NEWTON_ARMS = ("standard", "ready2unlearn simulated", "simulated, alpha 0")
BOTH_REQUESTS = (*NEWTON_ARMS, "isolated")


def seed_rows(dataset: str, seed: int, s: dict[str, Any], *, part: Part = "test") -> dict[str, Any]:
    """Returns the rows of one seed: retrained references, then every arm before and after each request."""
    torch.set_num_threads(1)
    study = build_study(dataset, seed, s, part)
    base, base_seconds = trained("standard", s, study, study.records, seed)
    rows, judges = [], {}
    for name in study.requests:
        if name not in s["requests"]:
            continue
        left = study.left(name)
        models = []
        for k in range(s["n_references"]):
            model, seconds = trained("standard", s, study, left, 1000 * (seed + 1) + k)
            models.append(model)
            rows.append(
                row_of("standard", "retrained", name, seed) | {"NDCG@20": study.value(model, name), "training_cpu_seconds": seconds}
            )
        judges[name] = judge_of(models, base, study, name, s)
        verdicts = judges[name].evaluator.evidence.references
        for row, verdict in zip(rows[-len(models) :], verdicts, strict=True):
            row |= figures_of(verdict)
        print(f"{dataset} seed {seed}: references for {name} users done", flush=True)
    shadow = Shadow(s, study)
    for arm in s["arms"]:
        model, seconds = (base, base_seconds) if arm == "standard" else trained(arm, s, study, study.records, seed)
        requests = [r for r in judges if r == "flagged" or arm in BOTH_REQUESTS]
        rows += list(_forgetting(arm, model, seconds, s, study, {r: judges[r] for r in requests}, shadow, seed))
        print(f"{dataset} seed {seed}: {arm} done", flush=True)
    rows += _ease(study, s, seed)
    return {"settings": s, "seed": seed, "rows": rows, "split_hashes": hashes_of(study)}


def _forgetting(
    arm: str,
    model: Any,
    seconds: float,
    s: dict[str, Any],
    study: Study,
    judges: dict[str, RequestJudge],
    shadow: Shadow,
    seed: int,
) -> Iterator[dict[str, Any]]:
    for name, judge in judges.items():
        row = row_of(arm, "none", name, seed) | figures_of(judge.evaluator.judge(model))
        yield row | {"NDCG@20": study.value(model, name), "training_cpu_seconds": seconds}
        if arm != "isolated":
            yield ascended(arm, name, model, s, study, judge, shadow, seed)
    if arm in NEWTON_ARMS:
        yield from newton_steps(arm, model, s, study, judges, shadow, seed)


def _ease(study: Study, s: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    method, rows = Ease(reg=s["ease_reg"]), []
    begun = time.process_time()
    fitted = method.fit(None, study.records, seed=seed)
    training = time.process_time() - begun
    for name in s["requests"]:
        forget, ids = study.request(name).forget, study.request_ids(name)
        begun = time.process_time()
        again = method.fit(None, study.records.drop(ids), seed=seed)
        refit = time.process_time() - begun
        begun = time.perf_counter()
        out = method.forget(None, fitted, ids, seed=seed)
        seconds = time.perf_counter() - begun
        difference = float((out.model.weights - again.model.weights).abs().max())
        common = {"model": "EASE", "deterministic": True}
        rows.append(
            row_of("closed form", "retrained", name, seed)
            | common
            | {"NDCG@20": study.value(again.model, name), "training_cpu_seconds": refit}
        )
        rows.append(
            row_of("closed form", "exact down-date", name, seed)
            | common
            | {"NDCG@20": study.value(out.model, name), "max_difference": difference, "seconds": seconds}
            | {"seconds_per_user": seconds / len(forget), "single_seconds": single_seconds(method, None, fitted, forget[:10], seed)}
            | {"training_cpu_seconds": training, "exact": True}
        )
    return rows
