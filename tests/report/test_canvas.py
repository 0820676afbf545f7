"""Labels keep clear of each other, and stay near what they name."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text
from numpy.testing import assert_allclose

from r2u_rec.report.figures.canvas import INK, SERIES, THEME, auc_axis, sheet
from r2u_rec.report.figures.labels import STAR, name_points, spread_out, wrapped


@given(st.lists(st.floats(0, 10), min_size=1, max_size=8))
@settings(max_examples=80, deadline=None)
def test_labels_are_moved_apart_in_their_order_and_stay_inside(places):
    moved = spread_out(places, 1.0, 0.0, 10.0)
    order = np.argsort(places, kind="stable")
    assert np.all(np.diff(moved[order]) >= 1 - 1e-9)
    assert moved.min() >= -1e-9
    assert moved.max() <= 10 + 1e-9


def test_labels_that_do_not_touch_stay_where_they_are():
    assert_allclose(spread_out([5.0, 1.0, 3.0], 1.0, 0.0, 10.0), [5, 1, 3])


def test_labels_at_one_place_are_centred_on_it():
    assert_allclose(spread_out([5.0, 5.0, 5.0], 1.0, 0.0, 10.0), [4, 5, 6])


def test_taller_labels_get_more_room():
    assert_allclose(np.diff(spread_out([5.0, 5.0], [1.0, 3.0], 0.0, 10.0)), [2.0])


@pytest.mark.parametrize("seed", range(3))
def test_labels_of_crowded_points_do_not_overlap(seed):
    rng = np.random.default_rng(seed)
    points = [(0.5 + 0.02 * rng.normal(), 0.3 + 0.005 * rng.normal()) for _ in range(7)]
    with sheet(4.4) as (figure, axes):
        axes.set_xlim(0.3, 1)
        axes.set_ylim(0.1, 0.4)
        figure.draw_without_rendering()
        name_points(axes, points, [wrapped(f"method number {i}", 12) for i in range(7)], SERIES[:7])
        figure.draw_without_rendering()
        boxes = [Text.get_window_extent(text) for text in axes.texts]  # without the line that leads back to the point
        frame = axes.get_window_extent()
    assert len(boxes) == 7
    for a, b in itertools.combinations(boxes, 2):
        overlap = max(min(a.x1, b.x1) - max(a.x0, b.x0), 0) * max(min(a.y1, b.y1) - max(a.y0, b.y0), 0)
        assert overlap < 0.15 * min(a.width * a.height, b.width * b.height)
    assert sum(frame.x0 - 1 <= box.x0 and box.x1 <= frame.x1 + 1 for box in boxes) == 7


def test_long_names_are_broken_and_cut():
    assert wrapped("standard training: gradient ascent", 18) == "standard training:\ngradient ascent"
    assert wrapped("x" * 500, 20).count("\n") == 3


def _contrast(a: str, b: str) -> float:
    def light(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        return float(np.dot([0.2126, 0.7152, 0.0722], [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]))

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_label_can_be_read_on_light_and_on_dark():
    from r2u_rec.report.kit.theme import DARK

    for colour in (INK, *SERIES):
        assert _contrast(colour, "#ffffff") >= 4.5  # the bound of WCAG AA for text
        assert _contrast(DARK[THEME[colour]], DARK["--paper"]) >= 4.5


def test_drawing_leaves_matplotlib_s_settings_as_they_were():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with sheet(2.0) as (figure, _):
        assert figure.get_figwidth() == 5.6
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("which", ["x", "y"])
def test_an_axis_of_aucs_ends_at_one_and_marks_one_half(which):
    with sheet(2.0) as (_, axes):
        auc_axis(axes, which, [0.42, 0.97])
        low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
        ticks = axes.get_xticks() if which == "x" else axes.get_yticks()
        (line,) = axes.lines
    assert (low, high) == (0.4, 1.0)
    assert {0.5, 1.0} <= set(ticks.tolist())
    assert set(line.get_xdata() if which == "x" else line.get_ydata()) == {0.5}


def test_no_name_covers_a_star():
    star = (0.5, 0.31)
    points = [star, *((0.5 + 0.01 * i, 0.31 + 0.002 * i) for i in (-2, -1, 1, 2))]
    with sheet(4.4) as (figure, axes):
        axes.set(xlim=(0.4, 1), ylim=(0.1, 0.35))
        figure.draw_without_rendering()
        boxes = name_points(axes, points, ["retrained", "one", "two", "three", "four"], SERIES[:5], stars=[star])
        x, y = axes.transData.transform(star)
    for x0, y0, x1, y1 in boxes:
        assert np.hypot(max(x0 - x, x - x1, 0), max(y0 - y, y - y1, 0)) > 0.6 * STAR
