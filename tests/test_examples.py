"""Every example runs, on data that takes seconds, and says what it must."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PROGRAMS = ("train_forget_prove", "own_data", "ease_exact", "prepare_with_ready2unlearn", "own_task", "plan_erasures", "register_a_method")


@pytest.fixture
def said(monkeypatch, capsys):
    """`said("name", "--toy")` runs an example in this process and returns what it prints."""

    def run(name: str, *argv: str) -> str:
        monkeypatch.syspath_prepend(EXAMPLES)
        monkeypatch.setattr(sys, "argv", [name, *argv])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


def numbers(text: str, pattern: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, text)]


def test_every_program_is_tested_here():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*PROGRAMS, "made_up"}


def test_train_forget_prove_tells_the_imprint_from_what_is_left(said):
    remembered, left, retrained = numbers(said("train_forget_prove", "--toy"), r"AUC (\d\.\d+)")
    assert remembered > 0.8
    assert left < remembered - 0.2
    assert 0.3 < retrained < 0.7


def test_own_data_recommends_of_the_own_taste_until_the_erasure(said):
    out = said("own_data")
    assert "360 interactions of 60 users with 24 items" in out
    assert re.search(r"before: c-000 gets tea-\d+, tea-\d+, tea-\d+ \(by model\)", out)
    assert "(by popularity)" in out.splitlines()[-1]


def test_own_data_takes_a_file_and_its_column_names(said, tmp_path):
    (tmp_path / "mine.csv").write_text("who,what,when\n" + "".join(f"p{i % 4},t{i // 2},{1_000 + i}\n" for i in range(24)))
    columns = ("--user", "who", "--item", "what", "--time", "when", "--time_unit", "s")
    assert "24 interactions of 4 users with 12 items" in said("own_data", str(tmp_path / "mine.csv"), *columns)


def test_ease_is_exact(said):
    moved, missed = numbers(said("ease_exact", "--toy"), r"(\d\.\de[+-]\d+)")
    assert missed < 1e-10 < 1e-4 < moved


def test_preparation_and_ascent_run_beside_standard_training(said):
    out = said("prepare_with_ready2unlearn", "--toy")
    before, after = ([float(x) for x in re.findall(rf"(\d\.\d+) {word}", out)] for word in ("before", "after"))
    assert len(before) == len(after) == 2
    assert max(before) < 0.65
    assert all(b < a < 0.75 for b, a in zip(before, after, strict=True))


def test_a_task_of_ones_own_is_prepared_and_forgets_faster(said):
    out = said("own_task")
    standard, prepared = numbers(out, r"(\d+) ascent steps")
    assert prepared < 0.8 * standard
    assert min(numbers(out, r"on the others (\d\.\d+)")) > 0.95


def test_a_plan_of_erasures_ends_with_what_to_run(said):
    out = said("plan_erasures", "--toy")
    assert "Newton weekly: starts from standard training" in out
    never, exact = (
        re.search(rf"^{name} +(\d\.\d+) +(\d\.\d+)", out[out.index("What is left") :], re.MULTILINE) for name in ("never", "EASE at once")
    )
    assert float(never[1]) > 0.6 > 0.55 > float(exact[1]) > 0.45
    assert re.search(r"^(Take “|None of )", out, re.MULTILINE)
    assert "<html" in Path(out.split("page: ")[1].strip()).read_text()


def test_a_method_of_ones_own_forgets_and_is_compared(said):
    out = said("register_a_method", "--toy")
    assert "160 users, 60 items, 1920 interactions" in out
    assert "140 users" in out
    assert re.search(r"towards_mean: (good|mixed|bad): ", out)
    assert "retrained models" in out
