"""Trials run in processes of their own: one that fails, dies or lacks its data takes none of the others with it."""

from __future__ import annotations

import multiprocessing

import pytest
from paper_toys import spec

from r2u_rec.errors import SettingsError
from r2u_rec.trials.runner import Failure, run_trials
from r2u_rec.trials.store import FOLDER, Trial, distinct, read_trial
from r2u_rec.trials.worker import Sparing

SPECS = {
    "good": spec(seed=1),
    "error": spec(seed=2, error=True),
    "dies": spec(seed=3, dies=True),
    "after": spec(seed=4),
    "empty": {"kind": "paper_toys:nothing", "seed": 5},
    "lacking": spec(seed=6, data="nowhere", log="tries"),
    "lacking too": spec(seed=7, data="nowhere", log="tries"),
    "other data": spec(seed=8),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder, the outcomes by name, and the order in which they came."""
    folder = tmp_path_factory.mktemp("ran")
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.chdir(folder)  # processes start where they are started from
    keys = {key: name for key, name in zip(distinct(SPECS.values()), SPECS, strict=True)}
    outcomes = {keys[key]: outcome for key, outcome in run_trials(distinct(SPECS.values()), folder, jobs=1, threads=3, device="meta")}
    monkeypatch.undo()
    return folder, outcomes


def test_every_trial_has_an_outcome_and_only_finished_ones_are_stored(ran):
    folder, outcomes = ran
    assert set(outcomes) == set(SPECS)
    finished = {name for name, outcome in outcomes.items() if isinstance(outcome, Trial)}
    assert finished == {"good", "after", "other data"}
    stored = {name for name, each in SPECS.items() if read_trial(folder, next(iter(distinct([each])))) is not None}
    assert stored == finished
    assert not list((folder / FOLDER).glob("*.part"))


def test_a_trial_is_told_its_device_and_keeps_to_its_threads(ran):
    row = ran[1]["good"].rows[0]
    assert (row["device_seen"], row["threads_seen"]) == ("meta", "3")
    assert "device" not in ran[1]["good"].spec


def test_a_kind_that_tells_how_far_it_is_is_heard(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    heard = []
    planned = distinct([{"kind": "paper_toys:slow", "seed": 0}])
    outcomes = dict(run_trials(planned, tmp_path, jobs=1, under_way=lambda *news: heard.append(news)))
    assert {key: outcome.rows[0]["steps"] for key, outcome in outcomes.items()} == dict.fromkeys(planned, 40)
    assert {key for key, _ in heard} == set(planned)
    shares = [share for _, share in heard]
    assert shares == sorted(shares)
    assert 0 < shares[-1] < 1


def test_shares_are_passed_on_once_a_second(monkeypatch):
    passed, now = [], [10.0]
    monkeypatch.setattr("r2u_rec.trials.worker.time.monotonic", lambda: now[0])
    sparing = Sparing(passed.append)
    for now[0], share in ((10.5, 0.1), (11.0, 0.2), (11.9, 0.3), (12.0, 0.4)):
        sparing(share)
    assert passed == [0.2, 0.4]


def test_an_error_is_kept_with_its_remedy_and_its_traceback(ran):
    folder, outcomes = ran
    failure = outcomes["error"]
    assert failure.error == "ValueError: lr must be positive, got -1: raise it"
    assert "the same command tries again" in failure.remedy
    trace = (folder / FOLDER / f"{failure.key}.failed.txt").read_text()
    assert "'seed': 2" in trace
    assert trace.rstrip().endswith(failure.error)


def test_a_process_that_dies_is_replaced(ran):
    failure = ran[1]["dies"]
    assert failure.error == "the process of the trial ended without an answer (exit code 9)"
    assert "--jobs 1" in failure.remedy


def test_a_trial_that_measures_nothing_has_failed(ran):
    assert ran[1]["empty"].error.startswith("ValueError: a trial must measure something")


def test_data_that_is_not_to_be_had_is_no_mistake_and_is_tried_once(ran):
    folder, outcomes = ran
    first, second = outcomes["lacking"], outcomes["lacking too"]
    assert first.missing
    assert second.missing
    assert (folder / "tries").read_text() == "looked for it\n"
    assert second.error == first.error == "DownloadError: nowhere: no source gives it: name its folder"
    assert "r2u datasets" in first.remedy
    assert not (folder / FOLDER / f"{first.key}.failed.txt").exists()
    assert not outcomes["error"].missing


def test_leaving_early_ends_the_processes_and_keeps_what_has_finished(tmp_path):
    specs = distinct([spec(seed=0), spec(seed=1, sleep=60), spec(seed=2, sleep=60)])
    running = run_trials(specs, tmp_path, jobs=2)
    key, outcome = next(running)
    assert isinstance(outcome, Trial)
    running.close()
    assert multiprocessing.active_children() == []
    assert read_trial(tmp_path, key) == outcome


def test_no_trial_starts_no_process(tmp_path):
    assert list(run_trials({}, tmp_path)) == []


@pytest.mark.parametrize("wrong", [{"jobs": 0}, {"threads": 0}])
def test_jobs_and_threads_below_one_are_refused(tmp_path, wrong):
    with pytest.raises(SettingsError, match="jobs and threads must be at least 1"):
        list(run_trials(distinct([spec()]), tmp_path, **wrong))


def test_a_failure_that_is_mended_leaves_no_trace(tmp_path):
    given = distinct([spec()])
    (key,) = given
    trace = tmp_path / FOLDER / f"{key}.failed.txt"
    trace.parent.mkdir()
    trace.write_text("as it was")
    ((_, outcome),) = run_trials(given, tmp_path, jobs=1)
    assert not isinstance(outcome, Failure)
    assert not trace.exists()
