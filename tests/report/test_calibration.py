"""The calibration plot: every bin is drawn, on a page and as a file."""

from __future__ import annotations

import re

import matplotlib.image
import pytest

from r2u_rec.report.figures.calibration import calibration_plot, write_calibration_plot

ROWS = [
    {"n": 40, "predicted": 0.02, "observed": 0.025, "low": 0.004, "high": 0.13},
    {"n": 40, "predicted": 0.06, "observed": 0.05, "low": 0.014, "high": 0.165},
    {"n": 41, "predicted": 0.2, "observed": 0.17, "low": 0.085, "high": 0.313},
]


def test_every_bin_is_a_point(tmp_path):
    for rows in (ROWS, ROWS[:1]):
        drawn = calibration_plot(rows)
        points = re.search(r'<g id="calibration-LineCollection_1">.*?</g>', drawn, re.DOTALL)
        assert points is not None
        assert points[0].count("<path") == len(rows)  # an interval each


def test_colours_are_the_variables_of_the_page():
    drawn = calibration_plot(ROWS, notes=["AUC 0.7 [0.6, 0.8]"])
    assert drawn.startswith("<svg")
    assert "var(--s0," in drawn
    assert "var(--muted," in drawn


def test_the_file_of_its_own_is_a_picture_and_the_same_each_time(tmp_path):
    for ending in (".svg", ".png"):
        for name in ("first", "second"):
            write_calibration_plot(ROWS, tmp_path / f"{name}{ending}", notes=["a $ and a $"])
        assert (tmp_path / f"first{ending}").read_bytes() == (tmp_path / f"second{ending}").read_bytes()
    assert matplotlib.image.imread(tmp_path / "first.png").shape[0] > 400
    assert "var(--" not in (tmp_path / "first.svg").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.png", "first.svg", "second.png", "second.svg"]


def test_certain_predictions_fit_into_the_frame():
    certain = {"n": 5, "predicted": 1.0, "observed": 1.0, "low": 0.57, "high": 1.0}
    assert calibration_plot([certain, {**certain, "predicted": 0.0, "observed": 0.0, "low": 0.0, "high": 0.43}]).startswith("<svg")


def test_nothing_to_draw_and_an_unknown_ending_are_refused(tmp_path):
    with pytest.raises(ValueError, match="needs at least one bin, got 0: validate a scorer first"):
        calibration_plot([])
    with pytest.raises(ValueError, match=r"must end in \.svg or \.png, got .*plot\.pdf"):
        write_calibration_plot(ROWS, tmp_path / "plot.pdf")
