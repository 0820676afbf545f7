"""The picture of retention, a class an axis: Figures 4 and 10."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from r2u_bench.paper.experiment import Rows
from r2u_bench.paper.verdict import side

FIGURE = "retain_at_chance"


def retention(panels: Sequence[tuple[str, Rows, str, dict[str, str]]], path: Path, *, shades: bool = False) -> None:
    """Draws a radar of retain accuracy at chance for each set; bars where fewer than three classes were forgotten.

    Args:
        panels: title, summaries in per cent, the column that tells lines apart, and its values with their names.
        path: without ending. shades: the lines are levels of one quantity.
    """
    from r2u_bench.paper.pictures_by_class import Bars, Radar, bars, radar

    radars, groups = [], []
    for title, rows, by, names in panels:
        there = {name: value for value, name in names.items() if side("", rows, FIGURE, **{by: value}).n}
        classes = sorted({row["forget"][0] for row in rows})
        lines: dict[str, Sequence[float | None]] = {
            name: [side("", rows, FIGURE, forget=[each], **{by: value}).mean for each in classes] for name, value in there.items()
        }
        radars.append(Radar(f"{title}: retain accuracy (%)", [f"class {each}" for each in classes], lines))
        every = {name: {"": list(side("", rows, FIGURE, **{by: value}).values.values())} for name, value in there.items()}
        groups.append(Bars(title, every, "retain accuracy at chance (%)", from_zero=False))
    if all(len(each.axes) >= 3 for each in radars):
        radar(radars, path, shades=shades)
    else:
        bars(groups, path)
