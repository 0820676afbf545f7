"""Federated unlearning: FRU, which trains by rounds of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.systems.registry import MethodSpec, System
from r2u_rec.recsys.federated.fru import Fru


def _fru(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    return MethodSpec(Fru(**options))


SYSTEMS = (
    System(
        "fru",
        "FRU",
        "Yuan et al. 2023, federated: roll back and calibrate",
        "federated",
        "retained",
        frozenset({"steps", "losses", "tables", "rows"}),
        _fru,
        {"kept_share": 0.5, "calibration_share": 0.3},
    ),
)
