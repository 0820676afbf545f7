"""What a run writes down as it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from r2u_rec.evaluate.verdict import Verdict

SHOWN = ("auc", "auc_se", "adaptive_auc", "own_loss_auc", "per_user_auc", "tpr_at_1fpr", "excess", "excess_se", "n_forget", "n_holdout")


@dataclass
class Notes:
    """Rows, curves and costs; the fields are those of `report.RunResult`."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    training: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    costs: list[dict[str, Any]] = field(default_factory=list)


def figures(verdict: Verdict) -> dict[str, Any]:
    """Returns the figures of a verdict that go into a row."""
    return {name: getattr(verdict, name) for name in SHOWN}
