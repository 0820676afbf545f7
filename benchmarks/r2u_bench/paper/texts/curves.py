"""What the curves of several trials say together: where each reaches the loss of a model that never saw the data."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from r2u_bench.paper.experiment import Rows
from r2u_bench.paper.verdict import PAIRED_BY

FIGURES = ("forget_loss", "retain_loss", "heldout_loss", "strangers_loss", "min_k_auc")

Curve = Sequence[Mapping[str, Any]]


def select_rows(rows: Rows, **where: Any) -> list[Mapping[str, Any]]:
    """Returns the rows that agree with `where`; a list and a tuple of the same values agree."""
    return [row for row in rows if all(_plain(row.get(key)) == _plain(value) for key, value in where.items())]


def same(row: Mapping[str, Any], keys: Sequence[str] = PAIRED_BY) -> tuple[Any, ...]:
    """Returns what pairs a trial with the others of its seed."""
    return tuple(_plain(row.get(key)) for key in keys)


def at_level(curve: Curve, level: float) -> dict[str, float] | None:
    """Returns step and figures where the forget loss first reaches `level`, linear between points; None when it never does.

    A curve that begins at or above the level is there at step 0.
    """
    before: Mapping[str, Any] | None = None
    for point in sorted(curve, key=lambda each: each["step"]):
        if point["forget_loss"] >= level:
            if before is None:
                return {name: float(point[name]) for name in ("step", *FIGURES)}
            share = (level - before["forget_loss"]) / (point["forget_loss"] - before["forget_loss"])
            return {name: before[name] + share * (point[name] - before[name]) for name in ("step", *FIGURES)}
        before = point
    return None


def at_step(curve: Curve, step: float) -> dict[str, float] | None:
    """Returns the figures at a step, linear between points; None beyond the curve's end."""
    points = sorted(curve, key=lambda each: each["step"])
    for left, right in itertools.pairwise(points):
        if left["step"] <= step <= right["step"]:
            share = (step - left["step"]) / (right["step"] - left["step"])
            return {name: left[name] + share * (right[name] - left[name]) for name in ("step", *FIGURES)}
    return None


def references(rows: Rows) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    """Returns for each pairing the retrained model's own row."""
    return {same(row): row for row in select_rows(rows, what="trained", arm="retrained")}


def forgotten(rows: Rows, level: float | None = None) -> list[dict[str, Any]]:
    """Returns one row a curve: the figures where it first reaches the level, and those before unlearning as *_before.

    Args:
        level: nats of forget loss; None takes, for each seed, that of the model retrained without the data, and leaves out trials
            that have no such partner. A level that is never reached gives None.
    """
    known = references(rows)
    curves: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in select_rows(rows, what="curve"):
        curves.setdefault((str(row["trial"]), str(row["unlearner"])), []).append(row)
    found = []
    for (trial, unlearner), curve in curves.items():
        first = min(curve, key=lambda each: each["step"])
        if level is None and same(first) not in known:
            continue
        wanted = float(known[same(first)]["forget_loss"]) if level is None else level
        point = at_level(curve, wanted)
        spec = {key: value for key, value in first.items() if key not in (*FIGURES, "step", "what", "unlearner")}
        row = {**spec, "what": "forgotten", "trial": trial, "unlearner": unlearner, "level": wanted}
        row |= {name: None if point is None else point[name] for name in ("step", *FIGURES)}
        row |= {f"{name}_before": first[name] for name in FIGURES}
        row["remembered"] = wanted - float(first["forget_loss"])
        found.append(row)
    return found


def ahead(rows: Rows, arm: str, others: Sequence[str], level: float) -> list[dict[str, Any]]:
    """Returns, at the step where `arm` first reaches `level`, the forget loss of it and of the others of the same seed (the paper's
    comparison in Figure 5)."""
    leads = {same(row): row["step"] for row in select_rows(forgotten(rows, level), arm=arm, unlearner="ascent")}
    found = []
    for name in (arm, *others):
        trials: dict[str, list[Mapping[str, Any]]] = {}
        for row in select_rows(rows, what="curve", arm=name, unlearner="ascent"):
            trials.setdefault(str(row["trial"]), []).append(row)
        for trial, curve in trials.items():
            step = leads.get(same(curve[0]))
            point = None if step is None else at_step(curve, step)
            if step is not None and point is None:  # it ended before: at least what it had reached
                point = dict(max(curve, key=lambda each: each["step"]))
            value = None if point is None else point["forget_loss"]
            pair = {key: curve[0].get(key) for key in PAIRED_BY}
            found.append({**pair, "what": "ahead", "arm": name, "trial": trial, "loss_then": value})
    return found


def drawn(rows: Rows, by: str = "arm") -> list[Mapping[str, Any]]:
    """Returns the points of curves up to where the first trial of each value of `by` ends, so that no mean changes its members."""
    ends: dict[Any, dict[Any, float]] = {}
    for row in rows:
        trials = ends.setdefault(row[by], {})
        trials[row["trial"]] = max(row["step"], trials.get(row["trial"], 0))
    return [row for row in rows if row["step"] <= min(ends[row[by]].values())]


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
