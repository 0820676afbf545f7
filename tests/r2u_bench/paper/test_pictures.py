"""Each form of picture is written as PNG and as SVG in the house colours, and refuses what it cannot show."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib import image
from r2u_bench.paper import pictures, pictures_by_class, pictures_of_text

from r2u_rec.report.figures.canvas import THEME

RNG = np.random.default_rng(0)
ROWS = [
    {"trial": f"{arm}{seed}", "arm": arm, "step": step, "accuracy": base - step / 10 + 0.01 * seed}
    for arm, base in (("standard", 1.0), ("repaired", 0.9))
    for seed in range(3)
    for step in range(5 if seed else 3)
]


def test_a_line_is_the_mean_over_trials_with_its_spread_and_a_trial_that_ended_keeps_its_last_value():
    standard, repaired = pictures.series(ROWS, by="arm", x="step", y="accuracy")
    assert (standard.name, standard.n) == ("standard", 3)
    np.testing.assert_allclose(standard.x, np.arange(5))
    np.testing.assert_allclose(standard.y[:3], 1.01 - np.arange(3) / 10)
    np.testing.assert_allclose(standard.sd[:3], 0.01)
    np.testing.assert_allclose(standard.y[4], (0.8 + 0.61 + 0.62) / 3)
    (alone,) = pictures.series(ROWS, by="arm", x="step", y="accuracy", names={"repaired": "Ready2Unlearn"}, hold_last=False)
    assert alone.name == "Ready2Unlearn"
    np.testing.assert_allclose(alone.y[4], (0.51 + 0.52) / 2)
    np.testing.assert_allclose(repaired.sd[0], 0.01)


def test_rows_without_the_figure_are_passed_over():
    assert pictures.series([{"arm": "a", "step": 0, "loss": None, "trial": 0}], by="arm", x="step", y="loss") == []


def panel(title: str) -> pictures.Panel:
    lines = pictures.series(ROWS, by="arm", x="step", y="accuracy")
    return pictures.Panel(title, lines, "step", "accuracy", starts=[(2, "unlearning starts")], levels=[(0.1, "chance")], y_limits=(0, 1))


RADAR = pictures_by_class.Radar("MNIST", list("0123"), {"Standard": [0.9, 0.8, None, 0.9], "Ready2Unlearn": [0.97] * 4})
BARS = pictures_by_class.Bars("MNIST", {"1": {"a": [1.0, 2.0], "b": []}, "2": {"a": [1.5]}}, "overhead, %", levels=[(13.7, "paper")])
WORDS = ("Standard", ["login", " :", " NAME"], [0.1, 0.2, 5.0])
FORMS = {
    "curves": lambda path: pictures.curves([panel("MNIST"), panel("PathMNIST")], path, emphasis="repaired"),
    "shades": lambda path: pictures.curves([panel("MNIST")], path, shades=True),
    "radar": lambda path: pictures_by_class.radar([RADAR], path),
    "bars": lambda path: pictures_by_class.bars([BARS], path),
    "table": lambda path: pictures_of_text.table(["λ1", "retain,\n%"], [["1.0", "96.4 ± 0.2"]], path, note="n = 5"),
    "words": lambda path: pictures_of_text.shaded([WORDS, WORDS], path),
    "clouds": lambda path: pictures_of_text.scatters([("λ2 = 0", {"forget": RNG.normal(size=(9, 2)), "retain": np.zeros((0, 2))})], path),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_is_written_twice_in_colours_that_a_page_can_replace(form, tmp_path):
    FORMS[form](tmp_path / "fig")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fig.png", "fig.svg"]
    pixels = image.imread(tmp_path / "fig.png")
    assert pixels.shape[1] >= 800
    assert (pixels[0, 0, :3] == 1).all()  # on white
    assert pixels[..., :3].std() > 0.01  # something is drawn
    drawing = (tmp_path / "fig.svg").read_text()
    assert drawing.startswith("<svg")
    assert "var(" not in drawing  # a viewer that knows no variables shows it too
    assert set(re.findall(r"#[0-9a-f]{6}\b", drawing)) <= THEME.keys() | {"#ffffff", "#000000"}


def test_the_same_data_give_the_same_bytes(tmp_path):
    for name in "ab":
        FORMS["table"](tmp_path / name / "fig")
    for ending in (".png", ".svg"):
        assert (tmp_path / f"a/fig{ending}").read_bytes() == (tmp_path / f"b/fig{ending}").read_bytes()


def test_shades_run_from_light_to_dark_in_one_colour():
    looks = [pictures.look(i, 4, True) for i in range(4)]
    assert len({colour for colour, _, _ in looks}) == 1
    assert sorted(alpha for _, _, alpha in looks) == [alpha for _, _, alpha in looks]
    assert len({(colour, dash) for colour, dash, _ in (pictures.look(i, 8, False) for i in range(8))}) == 8


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda path: pictures.curves([], path), "at least one panel"),
        (lambda path: pictures_by_class.radar([pictures_by_class.Radar("x", "ab", {"a": [1, 2]})], path), "at least 3 axes"),
        (lambda path: pictures_by_class.radar([pictures_by_class.Radar("x", "abc", {"a": [1, 2]})], path), r"wrong: \['a'\]"),
        (lambda path: pictures_of_text.table(["a", "b"], [["1"]], path), "lines of 2 cells"),
        (lambda path: pictures_of_text.shaded([("x", ["a"], [1, 2])], path), "one value a word"),
    ],
)
def test_what_cannot_be_shown_is_refused(draw, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        draw(tmp_path / "fig")
