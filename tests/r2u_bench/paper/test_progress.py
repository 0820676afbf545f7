"""Progress: an estimate from trials alike, a bar on a terminal, one line a trial elsewhere."""

from __future__ import annotations

import io

import pytest
from paper_toys import spec, trial

from r2u_rec.trials.progress import TrialProgress
from r2u_rec.trials.runner import Failure
from r2u_rec.trials.store import distinct


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


PLANNED = distinct([spec(arm, seed) for seed in range(3) for arm in ("standard", "repaired")])
KEYS = {(each["arm"], each["seed"]): key for key, each in PLANNED.items()}


def test_the_estimate_is_from_trials_of_the_same_arm_then_of_the_same_kind_and_shared_by_the_processes():
    progress = TrialProgress(PLANNED, {}, 2)
    assert progress.estimate(PLANNED.values()) is None
    assert progress.left() == "time unknown"
    progress.ended(KEYS["standard", 0], trial(spec("standard", 0), seconds=10))
    assert progress.estimate(PLANNED.values()) == pytest.approx(6 * 10 / 2)
    progress.ended(KEYS["repaired", 0], trial(spec("repaired", 0), seconds=30))
    assert progress.estimate([spec("standard", 1), spec("repaired", 1), {"kind": "image"}]) == pytest.approx((10 + 30 + 20) / 2)
    assert progress.left() == "about 40 s left"


def test_stored_trials_count_as_done_and_give_the_first_estimate():
    progress = TrialProgress(PLANNED, {KEYS["standard", 0]: trial(spec("standard", 0), seconds=600)}, 1)
    assert progress.done == 1
    assert progress.left() == "about 50 min left"
    assert TrialProgress(PLANNED, {KEYS["standard", 0]: trial(spec("standard", 0), seconds=3600)}, 1).left() == "about 5.0 h left"


def test_off_a_terminal_there_is_one_line_a_trial_and_missing_data_is_said_once():
    out = io.StringIO()
    with TrialProgress(PLANNED, {}, 1, out) as progress:
        progress.ended(KEYS["standard", 0], trial(spec("standard", 0), seconds=12.34))
        progress.ended(KEYS["standard", 1], Failure("k", {}, "ValueError: wrong", "mend it"))
        for seed in range(2):
            progress.ended(KEYS["repaired", seed], Failure("k", {}, "DownloadError: gone", "get it", missing=True))
        progress.say("toy: out/toy.html")
    assert out.getvalue().splitlines() == [
        "[1/6] run toy standard seed 0: 12.3 s",
        "[2/6] run toy standard seed 1: failed: ValueError: wrong",
        "[3/6] run toy repaired seed 0: not to be had: gone",
    ]
    assert progress.left() == "about 25 s left, 1 failed"


def test_on_a_terminal_there_is_a_bar_and_only_failures_have_lines():
    out = Terminal()
    with TrialProgress(PLANNED, {}, 1, out) as progress:
        progress.ended(KEYS["standard", 0], trial(spec("standard", 0), seconds=10))
        progress.ended(KEYS["standard", 1], Failure("k", {}, "ValueError: wrong", "mend it"))
        progress.say("toy: out/toy.html")
    assert "2/6 trials, about 40 s left, 1 failed" in out.getvalue()
    assert "run toy standard seed 1: failed: ValueError: wrong" in out.getvalue()
    assert "toy: out/toy.html" in out.getvalue()
    assert "[2/6]" not in out.getvalue()


def test_a_trial_under_way_shortens_the_estimate_and_is_spoken_of_once_a_minute(monkeypatch):
    out, now = io.StringIO(), [0.0]
    monkeypatch.setattr("r2u_rec.trials.progress.time.monotonic", lambda: now[0])
    with TrialProgress(PLANNED, {}, 1, out) as progress:
        progress.ended(KEYS["standard", 0], trial(spec("standard", 0), seconds=1000))
        assert progress.left() == "about 83 min left"
        for now[0], share in ((0.0, 0.1), (59.0, 0.2), (61.0, 0.4), (90.0, 0.5), (122.0, 0.6)):
            progress.under_way(KEYS["repaired", 0], share)
        assert progress.left() == "about 73 min left"
        progress.ended(KEYS["repaired", 0], trial(spec("repaired", 0), seconds=1000))
        assert progress.left() == "about 67 min left"
    assert out.getvalue().splitlines()[1:-1] == ["[1/6] run toy repaired seed 0: 40% over", "[1/6] run toy repaired seed 0: 60% over"]


def test_the_bar_moves_with_a_trial_under_way():
    out = Terminal()
    with TrialProgress(PLANNED, {}, 1, out) as progress:
        progress.under_way(KEYS["repaired", 0], 0.25)
        assert progress._bar.tasks[0].completed == 0.25
        progress.ended(KEYS["repaired", 0], trial(spec("repaired", 0)))
        assert progress._bar.tasks[0].completed == 1
    assert "0/6 trials" in out.getvalue()


def test_the_bar_ends_as_done():
    out = Terminal()
    with TrialProgress(PLANNED, {}, 1, out) as progress:
        for key, each in PLANNED.items():
            progress.ended(key, trial(each))
    assert "6/6 trials, done" in out.getvalue()
