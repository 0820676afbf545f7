"""The figures of a simulation draw what the rows say, and their names keep clear of each other."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.text import Text

sys.path.insert(0, str(Path(__file__).parent))
from report_toys import DAY, END, POLICIES, START, make_simulation

from r2u_rec.report.figures.canvas import INK, MUTED, sheet
from r2u_rec.report.simulation.plots import draw_timeline, looks
from r2u_rec.report.simulation.tradeoff import draw_hours, draw_tradeoff


@pytest.fixture(scope="module")
def sim():
    return make_simulation()


@pytest.fixture(scope="module")
def panels(sim):
    with sheet(10, nrows=6, sharex=True) as (figure, axes):
        draw_timeline(figure, axes, sim)
        figure.draw_without_rendering()
        yield axes


def line_in(axes, sim, policy):
    """x and y of the line in the colour of a policy, the one with most points."""
    lines = [line for line in axes.lines if line.get_color() == looks(sim)[policy].colour]
    return max((line.get_data() for line in lines), key=lambda data: len(data[0]))


def overlap(a, b):
    return max(min(a.x1, b.x1) - max(a.x0, b.x0), 0) * max(min(a.y1, b.y1) - max(a.y0, b.y0), 0)


def assert_names_are_apart(axes, n):
    texts = [text for text in axes.texts if text.get_text() not in ("deadline", "incident")]
    assert len(texts) == n
    boxes = [Text.get_window_extent(text) for text in texts]
    for a, b in itertools.combinations(boxes, 2):
        assert overlap(a, b) < 0.15 * min(a.width * a.height, b.width * b.height)


def test_bars_are_the_mean_number_of_requests_a_day(sim, panels):
    bars = panels[0].patches[0].get_data()
    received = sim.part("requests", "never")["received"]
    for day in (0, 190, 364):
        inside = (received >= START + day * DAY) & (received < START + (day + 1) * DAY)
        assert bars.values[day] == pytest.approx(inside.sum() / 2)
    assert bars.values.sum() == pytest.approx(len(received) / 2)


def test_those_who_wait_are_counted_naively(sim, panels):
    x, y = line_in(panels[1], sim, "by deadline")
    rows = sim.part("requests", "by deadline")
    for at in (40, 210, 399):
        time = x[at] * DAY
        waiting = (rows["received"] <= time + 1e-3) & ~(rows["finished"] <= time + 1e-3)
        assert y[at] == pytest.approx(waiting.sum() / 2)


def test_checkpoints_are_means_over_seeds(sim, panels):
    for axes, name in ((panels[2], "ndcg_share"), (panels[3], "auc"), (panels[5], "overlap")):
        x, y = line_in(axes, sim, "auto")
        mean = sim.part("checkpoints", "auto").groupby("time")[name].mean()
        np.testing.assert_allclose(x * DAY, mean.index)
        np.testing.assert_allclose(y, mean)


def test_the_cost_is_cumulative_and_ends_at_the_total(sim, panels):
    _, y = line_in(panels[4], sim, "weekly batches")
    assert (np.diff(y) >= 0).all()
    assert y[-1] == pytest.approx(sim.part("batches", "weekly batches")["cpu_seconds"].sum() / 2)
    assert panels[4].get_yscale() == "log"


def test_all_panels_have_the_simulated_time_as_their_axis(panels):
    for axes in panels:
        assert axes.get_xlim() == pytest.approx((START / DAY, END / DAY))


def test_the_names_of_a_panel_keep_clear_of_each_other(panels):
    for axes, n in zip(panels[1:], (5, 6, 6, 5, 7), strict=True):
        assert_names_are_apart(axes, n)


def test_the_two_ends_have_looks_of_their_own_and_no_two_policies_look_the_same(sim):
    found = looks(sim)
    assert (found["never"].colour, found["retrain"].colour) == (MUTED, INK)
    assert len({look.colour for look in found.values()}) == len(POLICIES)
    assert len({look.marker for look in found.values()}) == len(POLICIES)


def test_long_spans_are_counted_by_week():
    with sheet(10, nrows=6, sharex=True) as (figure, axes):
        draw_timeline(figure, axes, make_simulation(end=START + 1000 * DAY, seeds=(1,)))
        assert axes[0].get_title(loc="left") == "requests received a week"
        assert len(axes[0].patches[0].get_data().values) == 143


def test_hours_to_erase_are_the_share_done_by_then_with_the_deadline_marked(sim):
    with sheet(4) as (figure, axes):
        draw_hours(figure, axes, sim)
        figure.draw_without_rendering()
    x, y = line_in(axes, sim, "weekly batches")
    hours = sim.part("requests", "weekly batches")["hours"]
    assert y[np.searchsorted(x, 24.0, side="right") - 1] == pytest.approx((hours <= 24.0).sum() / len(hours), abs=0.02)
    assert y.max() <= 1.0
    rows = sim.part("requests", "never")
    deadline = ((rows["due"] - rows["received"]) / 3600).max()
    assert any(np.allclose(line.get_xdata(), deadline) for line in axes.lines)
    assert_names_are_apart(axes, len(POLICIES))


def test_a_dot_of_the_trade_off_is_the_mean_at_the_end_and_as_large_as_the_compute(sim):
    with sheet(4) as (figure, axes):
        draw_tradeoff(figure, axes, sim)
        figure.draw_without_rendering()
    dots = [dot for dot in axes.collections if isinstance(dot, PathCollection)]
    ends = sim.checkpoints[sim.checkpoints["time"] == END].groupby("policy")[["auc", "ndcg_share"]].mean()
    np.testing.assert_allclose([dot.get_offsets()[0] for dot in dots], [ends.loc[policy] for policy in POLICIES])
    sizes = dict(zip(POLICIES, (dot.get_sizes()[0] for dot in dots), strict=True))
    assert max(sizes, key=sizes.get) == "retrain"
    assert sizes["auto"] > sizes["by deadline"] > sizes["never"] - 1e-9
    assert_names_are_apart(axes, len(POLICIES))
