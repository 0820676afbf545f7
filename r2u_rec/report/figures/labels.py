"""Names in a figure, each placed where it covers least: beside points, beside curves, and behind the ends of lines.

Written by hand: adjustText 1.4.0 puts names over 4 of the 30 points of the crowded picture in the tests, this over none.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from r2u_rec.report.figures.canvas import PAPER

FONT = 9.5
STAR = 10.0
"""Pixels around a star that names keep free."""

CLEAR = 18.0
"""Pixels by which a curve should be alone where its name stands."""

ROUNDS = 8
LEADER = 9.0
"""A name farther than this many pixels from its point gets a line back to it."""

Values = NDArray[np.float64]
Box = tuple[float, float, float, float]


def wrapped(text: str, width: int = 20) -> str:
    """Returns the text broken into lines of about `width` characters, for a label."""
    return "\n".join(textwrap.wrap(text, width, break_long_words=True)[:4]) or " "


def name_points(
    axes: Axes,
    points: ArrayLike,
    texts: Sequence[str],
    colours: Sequence[str],
    *,
    others: ArrayLike = (),
    stars: ArrayLike = (),
    avoid: ArrayLike = (),
    fontsize: float = FONT,
) -> list[Box]:
    """Writes each text near its point and returns the boxes, in pixels; a thin line leads back from a text that had to move away.

    Places around each point are tried at growing distance. After a first round each name is moved again, with all others as they
    stand, until none gains by it: what comes first does not spoil what comes later.

    Args:
        axes: with its final limits and layout.
        points: (n, 2) in data units, one a text. texts, colours: of the names.
        others, stars: (m, 2) further points, and large stars, that no name may cover.
        avoid: (m, 2) points along lines and error bars that names keep clear of where they can.
    """
    at, further, bright, along = (_pixels(axes, each) for each in (points, others, stars, avoid))
    ring = np.array([(STAR * r * math.cos(a), STAR * r * math.sin(a)) for r in (0, 0.5, 1) for a in np.arange(0, 2 * math.pi, math.pi / 4)])
    under = np.vstack([at, further, *(star + ring for star in bright)])
    frame = _frame(axes)
    candidates = [_around(point, _size(axes, text, fontsize)) for point, text in zip(at, texts, strict=True)]
    costs = [
        _gap(boxes, point) + 60.0 * _inside(boxes, under, 4) + 12.0 * _inside(boxes, along, 2) + 80.0 * _outside(boxes, frame)
        for boxes, point in zip(candidates, at, strict=True)
    ]
    crowded = [-float((np.hypot(*(at - point).T) < 60).sum()) for point in at]
    for i, (boxes, point) in enumerate(zip(candidates, at, strict=True)):
        costs[i] += 40.0 * sum(_passes(point, boxes, star) for star in bright if not np.allclose(star, point))
    chosen = _settle(candidates, costs, order=np.argsort(crowded, kind="stable"), anchors=at)
    for text, colour, point, box in zip(texts, colours, at, chosen, strict=True):
        _write(axes, text, colour, box, fontsize)
        nearest = np.clip(point, box[:2], box[2:])
        if math.hypot(*(nearest - point)) > LEADER:
            ends = axes.transData.inverted().transform([point, nearest])
            axes.plot(*ends.T, color=colour, lw=0.8, alpha=0.75, zorder=4, scalex=False, scaley=False)
    return [_box(box) for box in chosen]


def name_curves(axes: Axes, curves: Sequence[tuple[Values, Values, str, str]], *, upright: Sequence[float] = ()) -> list[Box]:
    """Writes each name beside its own step line, where the line is alone and the name covers least; returns the boxes, in pixels.

    Args:
        axes: with its final limits and layout.
        curves: x and y of each step line, its name and colour.
        upright: x of lines from bottom to top to keep clear of.
    """
    frame = _frame(axes)
    tracks = [_track(axes, x, y) for x, y, _, _ in curves]
    lines = [_pixels(axes, [(x, y) for y in np.linspace(0, 1, 60)]) for x in upright]
    ink = np.vstack([*tracks, *lines])
    texts, candidates, costs = [], [], []
    for i, (_, _, name, _) in enumerate(curves):
        others = np.vstack([*tracks[:i], *tracks[i + 1 :], *lines]) if len(curves) + len(lines) > 1 else np.full((1, 2), np.inf)
        text = wrapped(name, 10)
        width, height = (side / 2 + 1 for side in _size(axes, text, FONT))
        boxes, alone = [], []
        for px, py in tracks[i][:: max(1, len(tracks[i]) // 80)]:
            free = min(float(np.hypot(others[:, 0] - px, others[:, 1] - py).min()), CLEAR)  # a name beside two curves names neither
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                cx, cy = px + dx * (width + 3), py + dy * (height + 3)
                boxes.append((cx - width, cy - height, cx + width, cy + height))
                alone.append(8.0 * (CLEAR - free) + 0.05 * abs(cy - (frame[1] + frame[3]) / 2))
        candidates.append(np.array(boxes))
        costs.append(np.array(alone) + 40.0 * _inside(candidates[-1], ink, 0) + 60.0 * _outside(candidates[-1], frame))
        texts.append(text)
    chosen = _settle(candidates, costs, order=range(len(curves)))
    for (_, _, _, colour), text, box in zip(curves, texts, chosen, strict=True):
        _write(axes, text, colour, box, FONT)
    return [_box(box) for box in chosen]


def name_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Writes each line's name to the right of its end, moved apart where they would touch; for linear and logarithmic axes.

    Args:
        axes: all lines drawn, limits and layout as they will stand.
        ends: (x, y, name, colour) of each line's last point.
    """
    if not ends:
        return
    texts = [wrapped(name, 18) for _, _, name, _ in ends]
    at = [float(axes.transAxes.inverted().transform(axes.transData.transform((x, y)))[1]) for x, y, _, _ in ends]
    line = 13.0 / axes.get_window_extent().height
    places = spread_out(at, [line * (text.count("\n") + 1) for text in texts], 0.0, 1.0)
    for (x, y, _, colour), text, place in zip(ends, texts, places, strict=True):
        axes.annotate(
            text, (x, y), (1.035, place), textcoords="axes fraction", color=colour, fontsize=FONT, va="center", linespacing=1.05,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.7, "shrinkA": 0, "shrinkB": 1, "relpos": (0.0, 0.5)},
            annotation_clip=False,
        )  # fmt: skip


def spread_out(places: ArrayLike, gap: float | Sequence[float], low: float, high: float) -> Values:
    """Returns the places moved as little as need be so that neighbours stand `gap` apart, in [low, high] if they fit.

    Args:
        places: (n,) positions in one direction.
        gap: room that each label needs, one for all or (n,).
    """
    wanted = np.asarray(places, dtype=np.float64)
    n = len(wanted)
    room = np.broadcast_to(np.asarray(gap, dtype=np.float64), (n,))
    order = np.argsort(wanted, kind="stable")
    offset = np.concatenate([[0.0], np.cumsum((room[order][1:] + room[order][:-1]) / 2)])
    # with the offsets taken off, "gap apart" is "not falling": pool neighbours that would fall (isotonic regression)
    blocks: list[list[float]] = []
    for value in wanted[order] - offset:
        blocks.append([value, 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            value_b, weight_b = blocks.pop()
            value_a, weight_a = blocks.pop()
            blocks.append([(value_a * weight_a + value_b * weight_b) / (weight_a + weight_b), weight_a + weight_b])
    level = np.concatenate([np.full(int(weight), value) for value, weight in blocks]) if blocks else np.empty(0)
    level = np.clip(level, low, max(low, high - (offset[-1] if n else 0.0)))
    out = np.empty(n)
    out[order] = level + offset
    return out


def _settle(candidates: Sequence[Values], costs: Sequence[Values], *, order: ArrayLike, anchors: Values | None = None) -> list[Values]:
    """Returns the box (4,) of each name: the cheapest given where all others stand, chosen in turn until nothing changes."""
    chosen: list[int | None] = [None] * len(candidates)
    for _ in range(ROUNDS):
        before = list(chosen)
        for i in map(int, np.asarray(order)):
            cost = costs[i].copy()
            for j, there in enumerate(chosen):
                if there is not None and j != i:
                    cost += _shared(candidates[i], candidates[j][there])
                    if anchors is not None:
                        cost += 30.0 * _crossed(anchors[i], candidates[i], anchors[j], candidates[j][there])
            chosen[i] = int(np.argmin(cost))
        if chosen == before:
            break
    return [boxes[there] for boxes, there in zip(candidates, chosen, strict=True) if there is not None]


def _write(axes: Axes, text: str, colour: str, box: Values, fontsize: float) -> None:
    x, y = axes.transData.inverted().transform(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
    shown = axes.text(x, y, text, color=colour, fontsize=fontsize, ha="center", va="center", linespacing=1.05, zorder=8)
    shown.set_path_effects([withStroke(linewidth=2.4, foreground=PAPER)])


def _box(box: Values) -> Box:
    x0, y0, x1, y1 = map(float, box)
    return x0, y0, x1, y1


def _pixels(axes: Axes, points: ArrayLike) -> Values:
    found = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    return np.asarray(axes.transData.transform(found)) if len(found) else found


def _frame(axes: Axes) -> Box:
    extent = axes.get_window_extent()
    return extent.x0, extent.y0, extent.x1, extent.y1


def _size(axes: Axes, text: str, fontsize: float) -> tuple[float, float]:
    probe = axes.text(0.5, 0.5, text, fontsize=fontsize, linespacing=1.05, transform=axes.transAxes)
    extent = probe.get_window_extent()
    probe.remove()
    return extent.width + 4, extent.height + 2


def _around(point: Values, size: tuple[float, float]) -> Values:
    """Boxes (n, 4) around a point, near ones first."""
    boxes = []
    for radius in (7, 14, 24, 36, 50, 66, 84, 104, 126, 150, 180):
        for angle in np.deg2rad(np.arange(0, 360, 15)):
            x = point[0] + math.cos(angle) * (radius + size[0] / 2)
            y = point[1] + math.sin(angle) * (radius + size[1] / 2)
            boxes.append((x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2))
    return np.array(boxes)


def _track(axes: Axes, x: Values, y: Values) -> Values:
    """Points every few pixels along a step line, in pixels."""
    corners = _pixels(axes, np.column_stack([np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]]))
    lengths = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(corners, axis=0)).sum(axis=1))])
    at = np.linspace(0, lengths[-1], max(2, int(lengths[-1] / 4)))
    return np.column_stack([np.interp(at, lengths, corners[:, 0]), np.interp(at, lengths, corners[:, 1])])


def _gap(boxes: Values, point: Values) -> Values:
    """Distance (n,) of each box from the point."""
    x0, y0, x1, y1 = boxes.T
    across = np.maximum(np.maximum(x0 - point[0], point[0] - x1), 0)
    up = np.maximum(np.maximum(y0 - point[1], point[1] - y1), 0)
    return np.asarray(np.hypot(across, up))


def _inside(boxes: Values, points: Values, margin: float) -> Values:
    """How many points (n,) each box covers."""
    x0, y0, x1, y1 = boxes.T
    px, py = points[:, 0][:, None], points[:, 1][:, None]
    return np.asarray(((px > x0 - margin) & (px < x1 + margin) & (py > y0 - margin) & (py < y1 + margin)).sum(axis=0), dtype=np.float64)


def _outside(boxes: Values, frame: Box) -> Values:
    """Pixels (n,) by which each box sticks out of the frame."""
    x0, y0, x1, y1 = boxes.T
    left, bottom = np.maximum(frame[0] - x0, 0), np.maximum(frame[1] - y0, 0)
    right, top = np.maximum(x1 - frame[2], 0), np.maximum(y1 - frame[3], 0)
    return np.asarray(left + bottom + right + top)


def _shared(boxes: Values, other: Values) -> Values:
    """Cost (n,) of the area that each box shares with another."""
    width = np.minimum(boxes[:, 2], other[2]) - np.maximum(boxes[:, 0], other[0])
    height = np.minimum(boxes[:, 3], other[3]) - np.maximum(boxes[:, 1], other[1])
    return np.where((width > 0) & (height > 0), 200.0 + width * height, 0.0)


def _passes(point: Values, boxes: Values, star: Values) -> Values:
    """Whether (n,) the line from the point to each box touches a star."""
    ends = np.clip(point, boxes[:, :2], boxes[:, 2:])
    steps = point + np.linspace(0.2, 1, 12)[:, None, None] * (ends - point)  # (12, n, 2)
    return np.asarray((np.hypot(*np.moveaxis(steps - star, -1, 0)) < STAR).any(axis=0), dtype=np.float64)


def _crossed(point: Values, boxes: Values, other_point: Values, other: Values) -> Values:
    """Whether (n,) the line from the point to each box meets that of the other, or the other's text."""
    ends = np.clip(point, boxes[:, :2], boxes[:, 2:])
    end = np.clip(other_point, other[:2], other[2:])

    def side(a: Values, b: Values, c: Values) -> Values:
        return np.asarray((b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0]))

    first = side(point, ends, other_point) * side(point, ends, end) < 0
    meets = first & (side(other_point, end, point) * side(other_point, end, ends) < 0)
    steps = point + np.linspace(0.1, 1, 8)[:, None, None] * (ends - point)  # (8, n, 2)
    through = ((steps > other[:2]) & (steps < other[2:])).all(axis=2).any(axis=0)
    back = other_point + np.linspace(0.1, 1, 8)[:, None, None] * (end - other_point)  # (8, 1, 2)
    under = ((back > boxes[:, :2]) & (back < boxes[:, 2:])).all(axis=2).any(axis=0)
    return np.asarray(meets.astype(float) + through + under)
