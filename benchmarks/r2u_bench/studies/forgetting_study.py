"""One seed of the study `forgetting`: cohorts, references, training arms, and what forgetting leaves of each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch

from r2u_bench.studies.forgetting_arms import trained  # beside this file
from r2u_bench.studies.forgetting_court import (
    EvaluationContext,
    Shadow,
    ascended,
    court_of,
    figures_of,
    newton_steps,
    row_of,
    single_seconds,
)
from r2u_bench.studies.forgetting_world import ExperimentSplit, build_world, hash_of
from r2u_rec.recsys.closed_form.ease import Ease

NEWTON_ARMS = ("standard", "ready2unlearn simulated", "simulated, alpha 0")
BOTH_REQUESTS = (*NEWTON_ARMS, "isolated")


def study(dataset: str, seed: int, s: dict[str, Any], *, part: str = "test") -> dict[str, Any]:
    """Returns the rows of one seed: retrained references, then every arm before and after each request."""
    torch.set_num_threads(1)
    world = build_world(dataset, seed, s, part)
    base, base_seconds = trained("standard", s, world, world.records, seed)
    rows, courts = [], {}
    for name, (forget, holdout) in world.requests.items():
        if name not in s["requests"]:
            continue
        left = world.records.drop(world.records.ids_of_users(forget))
        models = []
        for k in range(s["n_references"]):
            model, seconds = trained("standard", s, world, left, 1000 * (seed + 1) + k)
            models.append(model)
            rows.append(
                row_of("standard", "retrained", name, seed) | {"NDCG@20": world.quality(model, forget), "training_cpu_seconds": seconds}
            )
        courts[name] = court_of(models, base, world, forget, holdout, s)
        verdicts = courts[name].prover.evidence.references
        for row, verdict in zip(rows[-len(models) :], verdicts, strict=True):
            row |= figures_of(verdict)
        print(f"{dataset} seed {seed}: references for {name} users done", flush=True)
    shadow = Shadow(s, world)
    for arm in s["arms"]:
        model, seconds = (base, base_seconds) if arm == "standard" else trained(arm, s, world, world.records, seed)
        requests = [r for r in courts if r == "flagged" or arm in BOTH_REQUESTS]
        rows += list(_forgetting(arm, model, seconds, s, world, {r: courts[r] for r in requests}, shadow, seed))
        print(f"{dataset} seed {seed}: {arm} done", flush=True)
    rows += _ease(world, s, seed)
    hashes = {"train": hash_of(world.histories), "trained on": hash_of(world.records)}
    return {"settings": s, "seed": seed, "rows": rows, "split_hashes": hashes}


def _forgetting(
    arm: str,
    model: Any,
    seconds: float,
    s: dict[str, Any],
    world: ExperimentSplit,
    courts: dict[str, EvaluationContext],
    shadow: Shadow,
    seed: int,
) -> Iterator[dict[str, Any]]:
    for name, court in courts.items():
        row = row_of(arm, "none", name, seed) | figures_of(court.prover.judge(model))
        yield row | {"NDCG@20": world.quality(model, court.users), "training_cpu_seconds": seconds}
        if arm != "isolated":
            yield ascended(arm, name, model, s, world, court, shadow, seed)
    if arm in NEWTON_ARMS:
        yield from newton_steps(arm, model, s, world, courts, shadow, seed)


def _ease(world: ExperimentSplit, s: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    method, rows = Ease(reg=s["ease_reg"]), []
    begun = time.process_time()
    fitted = method.fit(None, world.records, seed=seed)
    training = time.process_time() - begun
    for name in s["requests"]:
        forget, _ = world.requests[name]
        ids = world.records.ids_of_users(forget)
        begun = time.process_time()
        again = method.fit(None, world.records.drop(ids), seed=seed)
        refit = time.process_time() - begun
        begun = time.perf_counter()
        out = method.forget(None, fitted, ids, seed=seed)
        seconds = time.perf_counter() - begun
        difference = float((out.model.weights - again.model.weights).abs().max())
        common = {"model": "EASE", "deterministic": True}
        rows.append(
            row_of("closed form", "retrained", name, seed)
            | common
            | {"NDCG@20": world.quality(again.model, forget), "training_cpu_seconds": refit}
        )
        rows.append(
            row_of("closed form", "exact down-date", name, seed)
            | common
            | {"NDCG@20": world.quality(out.model, forget), "max_difference": difference, "seconds": seconds}
            | {"seconds_per_user": seconds / len(forget), "single_seconds": single_seconds(method, None, fitted, forget[:10], seed)}
            | {"training_cpu_seconds": training, "exact": True}
        )
    return rows
