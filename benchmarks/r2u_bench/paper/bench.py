"""From names of experiments to their files: plan, run what is not stored, and judge and draw each as soon as its trials are there."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from r2u_bench.paper.experiment import Experiment, Spec
from r2u_bench.paper.preset import Preset
from r2u_rec.errors import SettingsError
from r2u_rec.trials.progress import TrialProgress
from r2u_rec.trials.runner import Failure, run_trials
from r2u_rec.trials.store import Trial, distinct, read_trial, rows_of


@dataclass(frozen=True)
class Ended:
    """What became of one experiment.

    Attributes:
        name: of it. headline: the verdict in a sentence.
        page: its HTML file.
        failures: trials that failed; data that is not to be had is no failure.
        trouble: why it could not be judged or drawn; empty when it could.
    """

    name: str
    headline: str
    page: Path
    failures: tuple[Failure, ...]
    trouble: str

    @property
    def well(self) -> bool:
        return not self.failures and not self.trouble


def planned(experiment: Experiment, preset: Preset) -> dict[str, Spec]:
    """Returns the specs of an experiment by key.

    Raises:
        SettingsError: it plans no trial.
    """
    specs = distinct(experiment.plan(preset))
    if not specs:
        raise SettingsError(f"{experiment.name} plans no trial with preset {preset.name}: give it settings there")
    return specs


def run_bench(
    experiments: Sequence[Experiment],
    preset: Preset,
    out: Path,
    *,
    jobs: int = 2,
    threads: int = 1,
    device: str = "cpu",
    only_data: str | None = None,
    command: str = "r2u bench paper",
    say: Callable[[str], None] | None = None,
) -> list[Ended]:
    """Runs the trials of the experiments that are not in `out`/trials yet, and writes each one's JSON, picture and page there.

    Args:
        only_data: run only trials of this data set; stored ones of others are drawn all the same.
        command: what repeats it, without the experiment's name.
        say: hears where the page of each experiment is, as soon as it has ended; None: above the bar of trials.

    Raises:
        SettingsError: an experiment that cannot be planned, or data that no trial names.
        KeyboardInterrupt: on Ctrl-C; what has finished is kept.
    """
    plans = {experiment.name: planned(experiment, preset) for experiment in experiments}
    every = distinct(spec for plan in plans.values() for spec in plan.values())
    if only_data is not None and not any(spec.get("data") == only_data for spec in every.values()):
        there = sorted({str(spec["data"]) for spec in every.values() if spec.get("data") is not None})
        raise SettingsError(f"no trial is on {only_data}: there are {', '.join(there) or 'none that name their data'}")
    stored = {key: trial for key in every if (trial := read_trial(out, key)) is not None}
    wanted = {key: spec for key, spec in every.items() if only_data is None or spec.get("data") == only_data}
    todo = {key: spec for key, spec in wanted.items() if key not in stored}
    failures: dict[str, Failure] = {}
    left = {name: set(plan) & set(todo) for name, plan in plans.items()}
    ended: dict[str, Ended] = {}

    def finish() -> None:
        for experiment in experiments:
            if experiment.name not in ended and not left[experiment.name]:
                plan = plans[experiment.name]
                one = _ended(experiment, plan, stored, failures, out, preset.name, command)
                ended[experiment.name] = one
                (say or progress.say)(f"{one.name}: {one.page}")

    shown = {key: spec for key, spec in every.items() if key in wanted or key in stored}
    with TrialProgress(shown, stored, jobs) as progress:
        try:
            finish()
            with closing(run_trials(todo, out, jobs=jobs, threads=threads, device=device)) as outcomes:
                for key, outcome in outcomes:
                    if isinstance(outcome, Trial):
                        stored[key] = outcome
                    else:
                        failures[key] = outcome
                    progress.ended(key, outcome)
                    for waiting in left.values():
                        waiting.discard(key)
                    finish()
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped; {len(stored)} of {len(shown)} trials are kept in {out}: the same command goes on from there"
            ) from None
    return [ended[experiment.name] for experiment in experiments]


def _ended(
    experiment: Experiment,
    plan: Mapping[str, Spec],
    stored: Mapping[str, Trial],
    failures: Mapping[str, Failure],
    out: Path,
    preset: str,
    command: str,
) -> Ended:
    """Judges, draws and writes one experiment. What goes wrong there is told, and the others go on."""
    from r2u_bench.paper.pages import PICTURES, headline, write_page
    from r2u_bench.paper.record import ExperimentRecord, read_record, write_record

    trials = {key: stored[key] for key in plan if key in stored}
    rows = rows_of(trials)
    verdict, trouble = None, ""
    pictures = [out / (experiment.name + ending) for ending in PICTURES]
    _remove(pictures)  # those of an earlier call show other trials
    trace = out / f"{experiment.name}.failed.txt"
    trace.unlink(missing_ok=True)
    if rows:
        try:
            verdict = experiment.judge(rows)
            experiment.draw(rows, out / experiment.name)
            if not all(picture.is_file() for picture in pictures):
                raise FileNotFoundError(f"draw wrote no {' and '.join(PICTURES)} at its path: draw by a function of `pictures`")
        except Exception as error:
            step = "judged" if verdict is None else "drawn"
            trouble = f"could not be {step}: {type(error).__name__}: {' '.join(str(error).split())} (traceback in {trace.name})"
            trace.write_text(traceback.format_exc(), encoding="utf-8")
            _remove(pictures)
    mine = [failures[key] for key in plan if key in failures]
    found = ExperimentRecord(plan, trials, mine, verdict, trouble)
    write_record(out, experiment, found, preset=preset, command=f"{command} {experiment.name}")
    record = read_record(out / f"{experiment.name}.json")
    page = write_page([record], out, out / f"{experiment.name}.html")
    return Ended(experiment.name, headline(record), page, tuple(each for each in mine if not each.missing), trouble)


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
