"""Baselines that can be compared: one that has lost what is to be forgotten before it is asked to forget has won nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from r2u_bench.paper.experiment import Rows
from r2u_bench.paper.verdict import Excluded, side

SHARE = 0.95
"""A baseline is comparable when its figure before unlearning is at least this share of standard training's."""


def comparable(
    rows: Rows,
    figure: str,
    names: Mapping[str, str],
    *,
    standard: str = "standard",
    by: str = "arm",
    share: float = SHARE,
    label: str = "forget accuracy before unlearning",
) -> tuple[list[str], tuple[Excluded, ...]]:
    """Returns the arms that still hold what is to be forgotten, and those that do not, with their figures.

    Args:
        rows: of one data set, with the columns `by` and `figure`, where higher is better remembered; one a trial.
        names: arm -> its name on the page; standard training must be among the rows, and counts as comparable.
        share: of standard training's mean.
        label: of the figure, with its unit.

    Raises:
        ValueError: no row of standard training has the figure.
    """
    base = side(names.get(standard, standard), rows, figure, **{by: standard}).mean
    if base is None:
        raise ValueError(f"no row of {by} {standard!r} has {figure}: standard training is what every baseline is held against")
    kept, lost = [], []
    for arm, name in names.items():
        found = side(name, rows, figure, **{by: arm})
        if found.mean is None:
            continue
        if arm == standard or found.mean >= share * base:
            kept.append(arm)
        else:
            lost.append(Excluded(name, found.n, found.mean, found.sd, base, label))
    return kept, tuple(lost)


def best(rows: Rows, figure: str, among: Sequence[str], better: Literal["less", "greater"], *, by: str = "arm") -> str | None:
    """Returns the arm with the best mean; None when none has the figure."""
    means = {arm: found for arm in among if (found := side(arm, rows, figure, **{by: arm}).mean) is not None}
    if not means:
        return None
    return (min if better == "less" else max)(means, key=lambda arm: means[arm])
