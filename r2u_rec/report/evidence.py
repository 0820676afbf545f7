"""No number about forgetting without the retrained reference: who is held against whom, and what is refused."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from r2u_rec.errors import EvidenceError
from r2u_rec.report.columns import RATIO, RETRAINED, column
from r2u_rec.report.results import Row

MATCHING = ("data", "model", "request")
"""A row is held against the references that agree with it in these columns."""

MIN_REFERENCES = 2


def is_reference(row: Row) -> bool:
    """Whether the row is a retrained model."""
    return bool(row.get("operator") == RETRAINED)


def references_of(row: Row, rows: Iterable[Row]) -> list[Row]:
    """Returns the retrained rows that `row` is held against: same data, model and request, and same split if it names one.

    Raises:
        EvidenceError: there are fewer than two, and the only one is not marked `deterministic` (a closed form, whose
            retraining has no spread).
    """
    same = [other for other in rows if is_reference(other) and all(other.get(key) == row.get(key) for key in MATCHING)]
    if len(same) < MIN_REFERENCES and not any(other.get("deterministic") for other in same):
        what = ", ".join(f"{key} {row[key]!r}" for key in (*MATCHING, "arm", "operator") if row.get(key) is not None)
        raise EvidenceError(
            f"{len(same)} retrained references for {what}: a number about forgetting needs at least {MIN_REFERENCES}; "
            f"retrain with other seeds, and give their rows the operator {RETRAINED!r}"
        )
    own_split = [other for other in same if other.get("split") == row.get("split")]
    return own_split or same


def require_references(rows: Sequence[Row], columns: Iterable[str]) -> None:
    """Raises EvidenceError when a shown column is about forgetting, or a ratio, and a row has no references for it."""
    about = [name for name in columns if column(name).forgetting or name.endswith(RATIO)]
    for row in rows:
        if any(row.get(name.removesuffix(RATIO)) is not None for name in about):
            references_of(row, rows)


def with_ratio(rows: Sequence[Row], name: str) -> list[dict[str, Any]]:
    """Returns the rows with a further column: `name` divided by the mean of each row's references.

    Raises:
        EvidenceError: a row has no references, or they lack the figure or are 0 on average.
    """
    out = []
    for row in rows:
        if row.get(name) is None:
            out.append(dict(row))
            continue
        found = [other[name] for other in references_of(row, rows) if other.get(name) is not None]
        base = statistics.fmean(found) if found else 0.0
        if base == 0:
            raise EvidenceError(f"the retrained references of arm {row.get('arm')!r} have no {name} to divide by: measure it on them too")
        out.append({**row, name + RATIO: row[name] / base})
    return out


@dataclass(frozen=True)
class Spread:
    """Mean, sample standard deviation (None for one value), median and number of values."""

    mean: float
    sd: float | None
    median: float
    n: int
    lowest: float
    highest: float


def spread(values: Iterable[float | None]) -> Spread | None:
    """Returns the spread of the values that are there; None when there are none."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return None
    sd = statistics.stdev(known) if len(known) > 1 else None
    return Spread(statistics.fmean(known), sd, statistics.median(known), len(known), min(known), max(known))
