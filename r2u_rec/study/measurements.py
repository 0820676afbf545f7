"""Measurements: what the main job writes down as it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from r2u_rec.evaluate.verdict import Verdict

SHOWN = ("auc", "auc_se", "adaptive_auc", "own_loss_auc", "per_user_auc", "tpr_at_1fpr", "excess", "excess_se", "n_forget", "n_holdout")
"""Figures of a verdict that go into a row."""

Row = dict[str, Any]


@dataclass
class Measurements:
    """Tables that grow; the fields are those of `report.RunResult`.

    Attributes:
        rows: one an arm, method and seed. curves: points of forgetting curves. training: one an epoch. groups: quality by group of users.
        costs: seconds of each method.
    """

    rows: list[Row] = field(default_factory=list)
    curves: list[Row] = field(default_factory=list)
    training: list[Row] = field(default_factory=list)
    groups: list[Row] = field(default_factory=list)
    costs: list[Row] = field(default_factory=list)


def verdict_figures(verdict: Verdict, names: Sequence[str] = SHOWN) -> Row:
    """Returns the figures of a verdict that go into a row."""
    return {name: getattr(verdict, name) for name in names}
