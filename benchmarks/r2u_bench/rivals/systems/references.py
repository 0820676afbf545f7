"""What everything is held against: retraining, deleting only the rows, fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.systems.registry import MethodSpec, System
from r2u_rec.registered.methods.references import NoEdit
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.retrain import Retrain


def _retrained(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    return MethodSpec(Retrain(case.trainer()))


def _rows_deleted(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    return MethodSpec(PostHoc(case.trainer(), NoEdit()))


SYSTEMS = (
    System("retrain", "retrained", "the reference: another training on what remains", "reference", "retained", frozenset(), _retrained),
    System(
        "rows_deleted",
        "rows deleted",
        "what most services do: the user's own row and edges go, nothing else",
        "reference",
        "request",
        frozenset(),
        _rows_deleted,
    ),
)
