"""The trials of the benchmark: one retrained reference of a request, or one system on one recommender and seed against all requests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.requests import build_study
from r2u_bench.rivals.systems.registry import ConfiguredSystem, chosen
from r2u_rec.core.protocols import Fitted
from r2u_rec.errors import DivergenceError, EvidenceError
from r2u_rec.evaluate.imprint import FoldIn
from r2u_rec.study.judge import REFERENCE_SEEDS

Spec = Mapping[str, Any]
Row = dict[str, Any]
T = TypeVar("T")

MEASURED = ("fa", "fi", "own_loss")


def case_of(spec: Spec) -> BenchmarkContext:
    """Returns the recommender of a spec in its study."""
    settings = json.loads(spec["settings"])
    study = build_study(spec["data"], int(spec["seed"]), tuple(settings["shares"]), settings["strangers_share"])
    return BenchmarkContext(study, spec["model"], settings, Path(spec["folder"]) / "models", settings["n_halves"])


def reference(spec: Spec) -> list[Row]:
    """Trains a model on what remains after the spec's request, and measures it."""
    case, request = case_of(spec), spec["request"]
    left = case.study.left(request)
    begun, spared = time.process_time(), case.spared_seconds
    model = case.trainer().train(case.task, left, seed=REFERENCE_SEEDS * (1 + case.study.seed) + int(spec["number"]))
    seconds = time.process_time() - begun + case.spared_seconds - spared
    return [
        {"request": request, "number": spec["number"], "cpu_seconds": seconds, **quality(case, model, request)},
        *measured(case, model, request),
    ]


def system(spec: Spec) -> list[Row]:
    """Trains one system, and lets it forget each request of the spec from the same trained state."""
    case, line = case_of(spec), chosen(spec["system"])
    built = line.system.build(case, options_of(case, line))
    task = case.task if built.task is None else built.task
    fitted, seconds = timed(case, lambda: built.method.fit(task, case.study.records, seed=case.study.seed))
    rows: list[Row] = [
        {
            "what": "fit",
            "cpu_seconds": seconds,
            "exact": built.method.exact,
            "memory_bytes": kept_bytes(fitted),
            "length": found_length(fitted.memory),
            **quality(case, fitted.model, None),
        }
    ]
    for request in spec["requests"]:
        rows += forgotten(case, line, built.method, task, fitted, request)
    return rows


def options_of(case: BenchmarkContext, line: ConfiguredSystem) -> dict[str, Any]:
    """Returns a line's options: defaults, over them the preset's for the recommender's Newton step, over them what the line itself sets."""
    own = {key: value for key, value in case.newton.items() if key in line.options and key not in line.given}
    return {**line.options, **own}


def forgotten(case: BenchmarkContext, line: ConfiguredSystem, method: Any, task: Any, fitted: Fitted, request: str) -> list[Row]:
    """Returns what the system leaves behind after one request; a system that breaks down is a result."""
    ids = case.study.records.ids_of_users(case.study.requests[request].forget)
    # A reference that is retrained must not be one of those by which it is judged.
    try:
        after, seconds = timed(case, lambda: method.forget(task, fitted, ids, seed=REFERENCE_SEEDS * (1 + case.study.seed) + 500))
        rows = measured(case, after.model, request)
    except (DivergenceError, EvidenceError) as error:
        return [{"what": "outcome", "request": request, "failed": " ".join(str(error).split())}]
    row = {"what": "outcome", "request": request, "cpu_seconds": seconds, "n_users": len(case.study.requests[request].forget)}
    return [row | quality(case, after.model, request), *rows]


def timed(case: BenchmarkContext, action: Callable[[], T]) -> tuple[T, float]:
    """Returns what the action gives, and the processor seconds that it takes where nothing is read from files."""
    begun, spared = time.process_time(), case.spared_seconds
    out = action()
    return out, time.process_time() - begun + case.spared_seconds - spared


def quality(case: BenchmarkContext, model: Any, request: str | None) -> Row:
    """Returns the means of the ranking metrics over those who stay, and of NDCG over their more and less active halves."""
    found = case.study.quality(model, request, part=case.part)
    return found.mean() | case.study.activity(found)


def measured(case: BenchmarkContext, model: Any, request: str) -> list[Row]:
    """Returns what the model shows of each user who asked and of each who was never trained on; nothing for models that fold no one in."""
    if not hasattr(model, "fold_in"):
        return []
    rows = []
    for group, probe in zip(("forget", "holdout"), case.study.probes(request, case.n_halves), strict=True):
        found = probe.measure(model)
        values = {name: np.round(getattr(found, name), 9).tolist() for name in MEASURED}
        rows.append({"what": "users", "request": request, "group": group, "users": found.users.tolist(), **values})
    return rows


def fold_in_of(row: Row) -> FoldIn:
    """Returns the measurements of a row of users."""
    return FoldIn(np.array(row["users"], dtype=np.int64), *(np.array(row[name], dtype=np.float64) for name in MEASURED))


def kept_bytes(fitted: Fitted) -> int | None:
    """Returns the bytes that a method keeps beside model and records; None where it does not say."""
    return 0 if fitted.memory is None else getattr(fitted.memory, "nbytes", None)


def found_length(memory: Any) -> float | None:
    """Returns the length of the edit that canaries found; None for systems without one."""
    length = getattr(memory, "length", None)
    return None if length is None else float(length)
