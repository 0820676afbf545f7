"""Figures that several image experiments read from the rows of their trials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from r2u_bench.paper.baselines import SHARE
from r2u_bench.paper.experiment import Rows
from r2u_bench.paper.verdict import Finding, Side, side

TITLES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "pathmnist": "PathMNIST", "pneumoniamnist": "PneumoniaMNIST"}


def sets_of(rows: Rows) -> list[str]:
    """Returns the data sets of the rows in order."""
    return list(dict.fromkeys(row["data"] for row in rows))


def select_rows(rows: Rows, what: str, **where: Any) -> list[Mapping[str, Any]]:
    """Returns the rows of a kind that agree with `where`."""
    return [row for row in rows if row["what"] == what and all(row.get(key) == value for key, value in where.items())]


def percent(rows: Iterable[Mapping[str, Any]], *figures: str) -> list[dict[str, Any]]:
    """Returns the rows with shares as per cent."""
    return [{**row, **{key: 100 * row[key] for key in figures if row.get(key) is not None}} for row in rows]


def spoiled(rows: Rows, arm: str, standard: Side) -> str:
    """Returns why an arm's unlearning cannot be compared, from its summaries on one set: it diverged, or had lost the class before.

    Args:
        standard: forget accuracy of standard training before unlearning, as shares.
    """
    mine = select_rows(rows, "summary", arm=arm)
    broken = [row for row in mine if row["diverged"]]
    if broken:
        return f"training diverged in {len(broken)} of {len(mine)} trials ({broken[0]['trouble']})"
    before = side(arm, mine, "forget_before")
    if before.mean is not None and standard.mean is not None and before.mean < SHARE * standard.mean:
        loss = side(arm, mine, "loss_before").mean
        return (
            f"the class was lost before unlearning began: forget accuracy {100 * before.mean:.1f} % against {100 * standard.mean:.1f} % "
            f"of standard training (n = {before.n}), mean forget loss {loss:.3g} nats"
        )
    return ""


def at_crossing(rows: Rows, leader: str = "repaired") -> list[dict[str, Any]]:
    """Returns for each trial its forget accuracy in per cent, as "forget_then", at the step at which the leader's trial of the same
    set, class and seed first lies at or below chance; a trial that had ended keeps its last value.

    A pair whose leader never reaches chance, or whose curve has no such step, has no row.
    """
    steps = {_pair(row): row["steps_to_chance"] for row in select_rows(rows, "summary", arm=leader) if not row["diverged"]}
    curves: dict[str, list[Mapping[str, Any]]] = {}
    for row in select_rows(rows, "curve"):
        curves.setdefault(row["trial"], []).append(row)
    found = []
    for curve in curves.values():
        step = steps.get(_pair(curve[0]))
        if step is None:
            continue
        later = [row for row in curve if row["step"] >= step]
        row = min(later, key=lambda row: row["step"]) if later else max(curve, key=lambda row: row["step"])
        found.append({**row, "forget_then": 100 * row["forget_accuracy"]})
    return found


def ratios(rows: Rows, figure: str, above: str, below: str) -> Side:
    """Returns the figure of arm `above` over that of arm `below`, a value a pair."""
    summaries = select_rows(rows, "summary")
    a, b = side(above, summaries, figure, arm=above), side(below, summaries, figure, arm=below)
    return Side(f"{above} / {below}", {pair: a.values[pair] / b.values[pair] for pair in a.values if b.values.get(pair)})


def within(settings: str, name: str, found: Side, limit: float, least_share: float, unit: str = "points") -> Finding:
    """Returns whether differences stay at or above -limit in at least `least_share` of the trials."""
    if not found.n:
        return Finding(settings, found, "not comparable", found.spoiled or f"{name} has no figure in any trial.")
    good = sum(value >= -limit for value in found.values.values())
    enough = good >= least_share * found.n
    worst = min(found.values.values())
    why = f"In {good} of {found.n} trials {name} loses at most {limit:g} {unit}; the worst differs by {worst:+.2f}."
    return Finding(settings, found, "agrees" if enough else "does not agree", why)


def differences(name: str, rows: Rows, figure: str, arm: str, against: str, scale: float = 100.0) -> Side:
    """Returns figure of `arm` less that of `against`, times `scale`, a value a pair."""
    summaries = select_rows(rows, "summary")
    a, b = side(arm, summaries, figure, arm=arm), side(against, summaries, figure, arm=against)
    return Side(name, {pair: scale * (a.values[pair] - b.values[pair]) for pair in a.values if pair in b.values})


def format_side(found: Side, digits: int = 1) -> str:
    """Returns mean, spread and range in words."""
    if found.mean is None:
        return "no figure"
    values: Sequence[float] = list(found.values.values())
    spread = f" ± {found.sd:.{digits}f}" if found.sd is not None else ""
    return f"{found.mean:.{digits}f}{spread} (n = {found.n}, {min(values):.{digits}f} to {max(values):.{digits}f})"


def _pair(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["data"], tuple(row["forget"]), row["seed"]
