"""The picture shows every system once under its own name, with no name on top of another, beside the retrained models."""

from __future__ import annotations

import re
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from r2u_bench.rivals.picture import BAND, LOOK, _draw, close_up, draw, place_labels, unplaced
from r2u_bench.rivals.tables import label, lines_of, reference_of

from r2u_rec.errors import EvidenceError
from r2u_rec.registry.specs import FAMILIES
from r2u_rec.report.figures.canvas import THEME, sheet


def drawn(found, model="mf"):
    """Panels of the picture, with the names in each."""
    lines, reference = lines_of(found, model), reference_of(found.figures.rows, model)
    with sheet(6.6, ncols=2 if close_up(lines) else 1) as (figure, axes):
        _draw(figure, axes, lines, reference)
        names = {label(line) for line in lines}
        return [(panel, [text for text in panel.texts if text.get_text() in names]) for panel in np.ravel(axes)]


@pytest.fixture(scope="module")
def crowded(crowd):
    return drawn(crowd)


def test_each_of_thirty_systems_is_named_once(crowd, crowded):
    names = sorted(text.get_text() for _, texts in crowded for text in texts)
    assert names == sorted(label(line) for line in lines_of(crowd, "mf"))
    assert len(names) == 30


def test_no_name_covers_another_a_point_or_the_edge_among_thirty_systems(crowd, crowded):
    lines = lines_of(crowd, "mf")
    for panel, texts in crowded:
        boxes = [text.get_window_extent() for text in texts]
        assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
        points = panel.transData.transform([(line.auc.mean, line.utility.mean) for line in lines])
        assert not [(text.get_text(), point) for text, box in zip(texts, boxes, strict=True) for point in points if box.contains(*point)]
        frame = panel.get_window_extent()
        assert all(box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y0 >= frame.y0 and box.y1 <= frame.y1 for box in boxes)


def test_a_name_goes_where_no_other_point_is(found):
    like = lines_of(found, "mf")[2]

    def at(x, y):
        return replace(like, auc=replace(like.auc, mean=x), utility=replace(like.utility, mean=y))

    others = [at(0.5 + dx, 0.9 + dy) for dx in np.arange(-0.01, 0.2, 0.01) for dy in np.arange(-0.05, 0.051, 0.0025)]
    with sheet(6.6) as (figure, axes):
        axes.set(xlim=(0.3, 0.7), ylim=(0.85, 0.95))
        figure.draw_without_rendering()
        ((x0, y0, x1, y1),) = place_labels(axes, [at(0.5, 0.9)], others, [])
        points = axes.transData.transform([(line.auc.mean, line.utility.mean) for line in others])
    assert not [(x, y) for x, y in points if x0 < x < x1 and y0 < y < y1]
    assert x1 < points[:, 0].min()  # all but the left is taken


def test_systems_near_the_target_are_named_in_the_close_up_and_the_others_among_all(found):
    (_, far), (_, near) = drawn(found)
    assert {text.get_text() for text in near} == {"retrained", "Newton, item blocks", "NPO", "re-weighted, ascent"}
    assert {text.get_text() for text in far} >= {"rows deleted", "ascent"}


def test_there_is_no_close_up_where_it_would_show_nothing_better(found):
    lines = lines_of(found, "mf")
    near = [line for line in lines if label(line) in ("retrained", "Newton, item blocks", "NPO")]
    assert close_up(lines) is not None
    assert close_up(near) is None  # all are near
    assert close_up([*near[:2], *(line for line in lines if line.title == "ascent")]) is None  # two are too few


def test_a_point_stands_at_its_figures_with_bars_of_one_standard_deviation(found):
    panel, _ = drawn(found)[0]
    ascent = next(line for line in found.lines if line.title == "ascent")
    points = [line.get_xydata()[0] for line in panel.lines if line.get_marker() == LOOK["edit"][1]]
    assert any(np.allclose(point, (ascent.auc.mean, ascent.utility.mean)) for point in points)
    bars = [segment for collection in panel.collections if hasattr(collection, "get_segments") for segment in collection.get_segments()]
    expected = [(ascent.auc.mean - ascent.auc.sd, ascent.utility.mean), (ascent.auc.mean + ascent.auc.sd, ascent.utility.mean)]
    assert any(np.allclose(bar, expected) for bar in bars)


def test_the_retrained_references_are_a_star_at_a_utility_of_one_and_the_target_is_a_band(found):
    reference = reference_of(found.figures.rows, "mf")
    for panel, _ in drawn(found):
        (star,) = [line for line in panel.lines if line.get_marker() == "*"]
        assert star.get_xydata().tolist() == [[reference.auc.mean, 1.0]]
        assert any(
            (patch.get_x(), round(patch.get_x() + patch.get_width(), 9)) == BAND for patch in panel.patches if patch.get_alpha() == 0.1
        )


def test_a_system_without_an_imprint_is_listed_and_not_drawn(found):
    lines = lines_of(found, "mf")
    assert [line.title for line in unplaced(lines)] == ["toy federated"]
    assert "toy federated" not in {text.get_text() for _, texts in drawn(found) for text in texts}


def test_a_picture_without_any_imprint_is_refused(found):
    lines = [replace(line, auc=None) for line in lines_of(found, "ease")]
    with pytest.raises(EvidenceError, match="none of 3 systems has an imprint, so there is nothing to draw: see why it was refused"):
        draw(lines)


def test_families_differ_in_colour_and_in_marker():
    assert set(LOOK) == set(FAMILIES)
    assert len({colour for colour, _ in LOOK.values()}) == len({marker for _, marker in LOOK.values()}) == len(FAMILIES)


def test_the_picture_follows_the_theme_of_the_page_and_is_the_same_every_time(found):
    lines, before = lines_of(found, "ease"), dict(mpl.rcParams)
    svg = draw(lines, reference=reference_of(found.figures.rows, "ease"), name="one")
    assert svg == draw(lines, reference=reference_of(found.figures.rows, "ease"), name="one")
    assert dict(mpl.rcParams) == before
    assert svg.startswith("<svg")
    colours = set(re.findall(r"(?<!, )#[0-9a-f]{6}\b", svg))
    assert not colours & set(THEME)  # each stands only as what to fall back to
    assert all(name.startswith("one-") for name in re.findall(r'\bid="([^"]+)"', svg))
