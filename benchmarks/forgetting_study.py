"""One seed of benchmarks/forgetting.py: cohorts, references, training arms, and what forgetting leaves of each."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from forgetting_world import World, build_world  # beside this file

from r2u_rec.core.preparation import Preparation
from r2u_rec.core.protocols import Fitted, Split
from r2u_rec.core.ready2unlearn import Ready2Unlearn
from r2u_rec.core.strategies import isolated, phased, reweighted, standard
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.evaluate.canary_rule import CanaryRule, ShadowRule
from r2u_rec.evaluate.imprint import FoldInProbe
from r2u_rec.evaluate.membership import auc, calibrated
from r2u_rec.evaluate.proof import Prover
from r2u_rec.recsys.ease import Ease
from r2u_rec.recsys.task import RankingTask, matrix_factorization
from r2u_rec.unlearn.block_newton import BlockNewton
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc

NEWTON_ARMS = ("standard", "ready2unlearn simulated", "simulated, alpha 0")
BOTH_REQUESTS = (*NEWTON_ARMS, "isolated")


def strategy(arm: str, s: dict[str, Any], world: World) -> Any:
    """Returns records -> step of a training arm."""
    settings = dict(s["arms"][arm])
    if arm == "standard":
        return lambda records: standard
    if arm == "isolated":
        return lambda records: isolated(records.ids_of_users(world.revocable), ("item_*",))
    if arm == "reweighted":
        return lambda records: reweighted(records.ids_of_users(world.revocable), settings["weight"])
    if arm == "phased":
        return lambda records: phased(records.ids_of_users(world.revocable), settings["share"])
    prepare, n = s["prepare"], len(world.requests["flagged"][0])
    if "displace" in settings:
        settings["displace"] = tuple(settings["displace"])

    def make(records: InteractionLog) -> Ready2Unlearn:
        forget = records.ids_of_users(world.revocable)
        split = Split(forget, np.setdiff1d(records.ids, forget, assume_unique=True), forget[:0])

        def request(rng: np.random.Generator) -> Any:
            return records.ids_of_users(rng.choice(world.revocable, size=n, replace=False))

        return Ready2Unlearn(
            split,
            Preparation(
                **settings,
                request=None if arm.endswith("paper") else request,
                epochs=round(prepare["last_share"] * s["training"]["epochs"]),
                every=prepare["every"],
                n_forget=prepare["n_forget"],
                n_retain=prepare["n_retain"],
            ),
        )

    return make


def trained(arm: str, s: dict[str, Any], world: World, records: InteractionLog, seed: int) -> tuple[Any, float]:
    """Returns a model of the arm and the processor seconds that training took, which other work on the machine does not stretch."""
    begun = time.process_time()
    model = GradientTrainer(Training(**s["training"]), strategy(arm, s, world)).train(task_of(s), records, seed=seed)
    return model, time.process_time() - begun


def task_of(s: dict[str, Any]) -> RankingTask:
    return RankingTask(matrix_factorization(s["task"]["embedding_dim"]), reg=s["task"]["reg"])


@dataclass
class Court:
    """Judges what is left of one request."""

    prover: Prover
    forget: FoldInProbe
    holdout: FoldInProbe
    reference: tuple[list[Any], list[Any]]
    users: Any

    def quick_auc(self, model: Any) -> float:
        """The calibrated AUC with fewer halvings, for the points of a curve."""
        f, h = (probe.measure(model).fa for probe in (self.forget, self.holdout))
        return auc(calibrated(f, self.reference[0]), calibrated(h, self.reference[1]))[0]


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
                _row("standard", "retrained", name, seed) | {"NDCG@20": world.quality(model, forget), "training_cpu_seconds": seconds}
            )
        courts[name] = _court(models, base, world, forget, holdout, s)
        verdicts = courts[name].prover.evidence.references
        for row, verdict in zip(rows[-len(models) :], verdicts, strict=True):
            row |= _figures(verdict)
        print(f"{dataset} seed {seed}: references for {name} users done", flush=True)
    shadow = Shadow(s, world)
    for arm in s["arms"]:
        model, seconds = (base, base_seconds) if arm == "standard" else trained(arm, s, world, world.records, seed)
        requests = [r for r in courts if r == "flagged" or arm in BOTH_REQUESTS]
        rows += list(_forgetting(arm, model, seconds, s, world, {r: courts[r] for r in requests}, shadow, seed))
        print(f"{dataset} seed {seed}: {arm} done", flush=True)
    rows += _ease(world, s, seed)
    hashes = {"train": _hash(world.histories), "trained on": _hash(world.records)}
    return {"settings": s, "seed": seed, "rows": rows, "split_hashes": hashes}


def _court(models: list[Any], base: Any, world: World, forget: Any, holdout: Any, s: dict[str, Any]) -> Court:
    probes = [FoldInProbe(world.histories, users, n_halves=s["n_halves"], seed=1) for users in (forget, holdout)]
    quick = [FoldInProbe(world.histories, users, n_halves=1, seed=2) for users in (forget, holdout)]
    reference = tuple([probe.measure(model).fa for model in models] for probe in quick)
    return Court(Prover(models, *probes, remembered=base), quick[0], quick[1], reference, forget)


def _forgetting(
    arm: str, model: Any, seconds: float, s: dict[str, Any], world: World, courts: dict[str, Court], shadow: Shadow, seed: int
) -> Iterator[dict[str, Any]]:
    for name, court in courts.items():
        row = _row(arm, "none", name, seed) | _figures(court.prover.judge(model))
        yield row | {"NDCG@20": world.quality(model, court.users), "training_cpu_seconds": seconds}
        if arm != "isolated":
            yield _ascent(arm, name, model, s, world, court, shadow, seed)
    if arm in NEWTON_ARMS:
        yield from _newton(arm, model, s, world, courts, shadow, seed)


def _ascent(arm: str, name: str, model: Any, s: dict[str, Any], world: World, court: Court, shadow: Shadow, seed: int) -> dict[str, Any]:
    """Plain ascent, run until the imprint is gone; its quality where the imprint AUC crosses the target, interpolated."""
    target, points = s["ascent"]["target_auc"], []

    def stop(moved: Any, done: int, mean: float) -> bool:
        points.append((court.quick_auc(moved), copy.deepcopy(moved), mean))
        del points[:-2]
        steps.append(done)
        return points[-1][0] <= target

    steps: list[int] = []
    ascent = GradientAscent(s["ascent"]["steps"], s["ascent_lr"], reduction="sum", tables=("item_*",), stop=stop)
    ids = world.records.ids_of_users(court.users)
    begun = time.perf_counter()
    PostHoc(shadow, ascent).forget(task_of(s), Fitted(model, world.records), ids, seed=seed)
    row = _row(arm, "ascent to AUC .55", name, seed) | {"steps": steps[-1], "seconds": time.perf_counter() - begun}
    if points[-1][0] > target or len(points) < 2:
        return row | {"reached": False}
    (high, before, _), (low, after, loss) = points
    weight = (high - target) / (high - low)
    quality = (1 - weight) * world.quality(before, court.users) + weight * world.quality(after, court.users)
    return row | {"NDCG@20": quality, "auc": target, "forget_loss": loss, "reached": True}


def _newton(
    arm: str, model: Any, s: dict[str, Any], world: World, courts: dict[str, Court], shadow: Shadow, seed: int
) -> Iterator[dict[str, Any]]:
    n, task = s["newton"], task_of(s)
    # Nobody by whom the outcome is judged is a canary: the shadow model must not have been spared those who will ask.
    candidates = np.setdiff1d(world.revocable, world.requests["flagged"][0])
    canaries = CanaryRule(
        world.strangers, candidates, n_canaries=n["n_canaries"] or len(world.requests["flagged"][0]), n_halves=s["n_halves"], seed=seed
    )
    for operator, rule in (("Newton, canaries", canaries), ("Newton, shadow canaries", ShadowRule(canaries, shadow))):
        unlearner = BlockNewton(rule, n["damping"], n["n_draws"])
        begun = time.perf_counter()
        memory = unlearner.remember(task, model, world.records, seed=seed)
        kept = {"length": memory.length, "release_seconds": time.perf_counter() - begun, "memory_mb": memory.nbytes / 1e6}
        for name, court in courts.items():
            ids = world.records.ids_of_users(court.users)
            begun = time.perf_counter()
            out = PostHoc(shadow, unlearner).forget(task, Fitted(model, world.records, memory), ids, seed=seed)
            seconds = time.perf_counter() - begun
            row = _row(arm, operator, name, seed) | _figures(court.prover.judge(out.model)) | kept
            yield row | {
                "NDCG@20": world.quality(out.model, court.users),
                "seconds": seconds,
                "seconds_per_user": seconds / len(court.users),
                "single_seconds": _single(PostHoc(shadow, unlearner), task, Fitted(model, world.records, memory), court.users[:10], seed),
            }


def _single(method: Any, task: Any, fitted: Fitted, users: Any, seed: int) -> float:
    """Median seconds of a request of one user."""
    took = []
    for user in users:
        begun = time.perf_counter()
        method.forget(task, fitted, fitted.records.ids_of_users([user]), seed=seed)
        took.append(time.perf_counter() - begun)
    return float(np.median(took))


@dataclass
class Shadow:
    """The standard recipe, trained once for the same records: every arm's canaries are held against the same shadow model."""

    s: dict[str, Any]
    world: World
    kept: tuple[int, Any] | None = None
    seconds: float = 0.0

    def train(self, task: Any, records: InteractionLog, *, seed: int) -> Any:
        if self.kept is None or self.kept[0] != seed:
            model, self.seconds = trained("standard", self.s, self.world, records, seed)
            self.kept = (seed, model)
        return self.kept[1]


def _ease(world: World, s: dict[str, Any], seed: int) -> list[dict[str, Any]]:
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
            _row("closed form", "retrained", name, seed)
            | common
            | {"NDCG@20": world.quality(again.model, forget), "training_cpu_seconds": refit}
        )
        rows.append(
            _row("closed form", "exact down-date", name, seed)
            | common
            | {"NDCG@20": world.quality(out.model, forget), "max_difference": difference, "seconds": seconds}
            | {"seconds_per_user": seconds / len(forget), "single_seconds": _single(method, None, fitted, forget[:10], seed)}
            | {"training_cpu_seconds": training, "exact": True}
        )
    return rows


def _row(arm: str, operator: str, request: str, seed: int) -> dict[str, Any]:
    return {"model": "MF", "request": request, "arm": arm, "operator": operator, "seed": seed, "split": seed}


def _figures(verdict: Any) -> dict[str, Any]:
    names = ("auc", "auc_se", "adaptive_auc", "tpr_at_1fpr", "own_loss_auc", "excess", "n_forget", "n_holdout")
    return {name: getattr(verdict, name) for name in names}


def _hash(log: InteractionLog) -> str:
    import hashlib

    return hashlib.sha256(log.ids.tobytes()).hexdigest()[:16]
