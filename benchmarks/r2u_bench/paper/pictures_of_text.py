"""Pictures made of words: a table, and a text whose words are shaded by their loss. And scatters side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from r2u_bench.paper.pictures import WIDE, grid, legend, saved
from r2u_rec.report.figures.canvas import GRID, INK, MARKERS, MUTED, SERIES, WIDTH, sheet

DARKEST = 0.55
"""Opacity of the shade of the highest loss: text on it stays readable on light and on dark pages."""


def table(headings: Sequence[str], lines: Sequence[Sequence[str]], path: Path, *, note: str = "") -> None:
    """Draws a table with rules above, below the headings, and below (Tables 2, 3, 4).

    Args:
        headings: of the columns; the first one is left-aligned, the others right. A line break stands for one.
        lines: the cells' text.
        path: without ending.
        note: a line below.

    Raises:
        ValueError: no line, or one of another length than the headings.
    """
    wrong = [line for line in lines if len(line) != len(headings)]
    if not lines or wrong:
        raise ValueError(f"a table needs lines of {len(headings)} cells, got {len(lines)} lines, wrong: {wrong[:1]}")
    columns = [[heading, *(line[j] for line in lines)] for j, heading in enumerate(headings)]
    room = np.array([max(len(part) for cell in column for part in cell.split("\n")) + 3 for column in columns], dtype=np.float64)
    head = 0.24 * max(heading.count("\n") + 1 for heading in headings) + 0.14
    tall = [0.24 * max(cell.count("\n") + 1 for cell in line) + 0.08 for line in lines]
    height = head + sum(tall) + 0.2 + (0.3 if note else 0.0)
    width = float(np.clip(room.sum() * 0.092, WIDTH, 2 * WIDE))
    with sheet(height) as (figure, axes):
        figure.set_size_inches(width, height)
        axes.set_axis_off()
        axes.set_xlim(0, 1)
        axes.set_ylim(height, 0)
        edges = np.concatenate([[0.0], np.cumsum(room / room.sum())])

        def rule(y: float, strong: bool) -> None:
            axes.plot([0, 1], [y, y], color=INK if strong else MUTED, lw=1.4 if strong else 0.8, solid_capstyle="butt", clip_on=False)

        def write(cells: Sequence[str], y: float, weight: str) -> None:
            for j, cell in enumerate(cells):
                place, align = (edges[0] + 0.008, "left") if j == 0 else (edges[j + 1] - 0.008, "right")
                axes.text(place, y, cell, ha=align, va="center", fontsize=10, weight=weight, linespacing=1.15)

        rule(0.05, True)
        write(headings, 0.05 + head / 2, "bold")
        rule(0.05 + head, False)
        y = 0.05 + head + 0.03
        for line, each in zip(lines, tall, strict=True):
            write(line, y + each / 2, "normal")
            y += each
        rule(y + 0.03, True)
        if note:
            axes.text(0.008, y + 0.2, note, ha="left", va="center", fontsize=8.5, color=MUTED)
        saved(figure, path)


def shaded(texts: Sequence[tuple[str, Sequence[str], ArrayLike]], path: Path, *, scale_label: str = "loss of the word") -> None:
    """Draws each text with its words shaded by a value, darker for higher, on one scale for all (Figure 7).

    Words of real people must have been masked before they come here.

    Args:
        texts: (title, words, (n_words,) values) of each; a word keeps the blank before it.
        path: without ending. scale_label: what the shade means, with its unit.

    Raises:
        ValueError: no text, or not one value a word.
    """
    wrong = [title for title, words, values in texts if len(words) != np.size(values) or not words]
    if not texts or wrong:
        raise ValueError(f"shading needs one value a word, got {len(texts)} texts, wrong: {wrong}")
    every = np.concatenate([np.asarray(values, dtype=np.float64) for _, _, values in texts])
    low, high = float(every.min()), float(np.quantile(every, 0.98))
    shown = [[word.replace("\n", " ").replace("\t", " ") for word in words] for _, words, _ in texts]
    size, step, margin = 10.0, 0.25, 0.1
    per_line = int((WIDE - 0.1) / (0.602 * size / 72))  # DejaVu Sans Mono is .602 em wide
    placed = [_flow(words, per_line) for words in shown]
    height = sum(step * (spots[-1][0] + 1) + 0.42 for spots in placed) + 0.45
    with sheet(height) as (figure, axes):
        figure.set_size_inches(WIDE, height)
        axes.set_axis_off()
        axes.set_xlim(0, per_line)
        axes.set_ylim(height, 0)
        y = margin
        for (title, _, values), words, spots in zip(texts, shown, placed, strict=True):
            axes.text(0, y + 0.1, title, fontsize=10, weight="bold", va="center")
            y += 0.28
            for word, value, (line, column) in zip(words, np.asarray(values, dtype=np.float64), spots, strict=True):
                share = float(np.clip((value - low) / ((high - low) or 1.0), 0, 1))
                top = y + line * step
                axes.add_patch(Rectangle((column, top), len(word), step * 0.92, color=SERIES[1], alpha=DARKEST * share, lw=0))
                axes.text(column, top + step / 2, word, family="DejaVu Sans Mono", fontsize=size, va="center", color=INK)
            y += step * (spots[-1][0] + 1) + 0.14
        for i in range(40):
            axes.add_patch(Rectangle((i * 0.4, y + 0.1), 0.4, 0.16, color=SERIES[1], alpha=DARKEST * i / 39, lw=0))
        axes.add_patch(Rectangle((0, y + 0.1), 16, 0.16, fill=False, edgecolor=GRID, lw=0.8))
        axes.text(17, y + 0.18, f"{scale_label}: {low:.1f} to {high:.1f} and more", fontsize=8.5, va="center", color=MUTED)
        saved(figure, path)


def _flow(words: Sequence[str], per_line: int) -> list[tuple[int, int]]:
    """Line and column of each word in lines of so many characters; a word that does not fit begins the next line."""
    spots, line, column = [], 0, 0
    for word in words:
        if column + len(word) > per_line and column:
            line, column = line + 1, 0
        spots.append((line, column))
        column += len(word)
    return spots


def scatters(panels: Sequence[tuple[str, Mapping[str, ArrayLike]]], path: Path) -> None:
    """Draws clouds of points, two panels abreast, without ticks: an embedding has no unit (Figure 11).

    Args:
        panels: (title, name -> (n, 2) points) of each.
        path: without ending.
    """
    names = list(dict.fromkeys(name for _, clouds in panels for name in clouds))
    n_rows, n_columns = grid(len(panels))
    height = 4.2 * n_rows + 0.4
    with sheet(height, nrows=n_rows, ncols=n_columns, squeeze=False) as (figure, axes):
        figure.set_size_inches(WIDE if n_columns > 1 else WIDTH, height)
        for (title, clouds), place in zip(panels, axes.flat, strict=False):
            for name, points in clouds.items():
                i, xy = names.index(name), np.asarray(points, dtype=np.float64).reshape(-1, 2)
                size = float(np.clip(9000 / max(len(xy), 1), 5, 26))
                place.scatter(xy[:, 0], xy[:, 1], s=size, color=SERIES[i], marker=MARKERS[i], alpha=0.55, lw=0, label=name)
            place.set_title(title, fontsize=10.5)
            place.set_xticks([])
            place.set_yticks([])
            for spine in place.spines.values():
                spine.set_visible(True)
                spine.set_color(GRID)
        for place in axes.flat[len(panels) :]:
            place.set_visible(False)
        legend(figure, axes.flat[: len(panels)], names)
        saved(figure, path)
