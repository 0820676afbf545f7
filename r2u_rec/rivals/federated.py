"""Federated unlearning: FRU, which trains by rounds of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from r2u_rec.recsys.fru import Fru
from r2u_rec.rivals.case import Case
from r2u_rec.rivals.registry import Built, System


def _fru(case: Case, options: Mapping[str, Any]) -> Built:
    return Built(Fru(**options))


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
