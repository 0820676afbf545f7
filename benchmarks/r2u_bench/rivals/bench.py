"""Runs the benchmark: references and systems as trials that are stored as they finish, then one table, page and numbers file."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from r2u_bench.rivals.figures import Figures, figures, gathered
from r2u_bench.rivals.preset import Preset
from r2u_bench.rivals.summary import QUALITY, Line, lines
from r2u_bench.rivals.systems.registry import recommender
from r2u_bench.rivals.trial import Spec
from r2u_rec.optional import missing, remedy
from r2u_rec.trials.progress import TrialProgress
from r2u_rec.trials.runner import Failure, run_trials
from r2u_rec.trials.store import Trial, distinct, read_trial, spec_in_words


@dataclass(frozen=True)
class BenchmarkResult:
    """What a run of the benchmark gave.

    Attributes:
        planned: trials in all. failures: a line each; what is missing is waited for, not failed.
        seconds: sum of the wall seconds of all trials, however many ran side by side.
    """

    preset: Preset
    figures: Figures
    lines: list[Line]
    planned: int
    finished: int
    seconds: float
    failures: list[str]


def run_rivals(preset: Preset, out: Path, *, jobs: int = 2) -> BenchmarkResult:
    """Runs the trials that are not in `out` yet and returns all figures.

    A trial that fails loses none of the others. With an extra that is not installed, its recommenders are left out and named.

    Raises:
        SettingsError: as the preset demands.
        KeyboardInterrupt: on Ctrl-C; what has finished is kept.
    """
    absent = missing_extras(preset)
    specs = [spec for spec in preset.references(out) + preset.runs(out) if spec["model"] not in absent]
    # A recommender's references and systems one after the other: their times are held against each other, and machines have slow hours.
    specs.sort(key=lambda spec: (preset.seeds.index(spec["seed"]), preset.models.index(spec["model"])))
    planned = distinct(specs)
    stored = {key: trial for key in planned if (trial := read_trial(out, key)) is not None}
    failures = [f"{model} was left out: {why}" for model, why in absent.items()]
    with TrialProgress(planned, stored, jobs) as progress:
        try:
            waiting: dict[str, Spec] = {key: spec for key, spec in planned.items() if key not in stored}
            with closing(run_trials(waiting, out, jobs=jobs)) as outcomes:
                for key, outcome in outcomes:
                    progress.ended(key, outcome)
                    if isinstance(outcome, Trial):
                        stored[key] = outcome
                    else:
                        failures.append(_failed(outcome))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped; {len(stored)} of {len(planned)} trials are kept in {out}: the same command goes on from there"
            ) from None
    return found(preset, [stored[key] for key in planned if key in stored], len(planned), failures)


def found(preset: Preset, trials: list[Trial], planned: int, failures: list[str]) -> BenchmarkResult:
    """Returns what finished trials come to."""
    all_figures = figures(trials)
    before: dict[tuple[str, str], list[float]] = {}
    for (model, system, _), fit in gathered(trials).fits.items():
        before.setdefault((model, system), []).append(fit[QUALITY])
    means = {key: sum(values) / len(values) for key, values in before.items()}
    judged = lines(all_figures.rows, all_figures.verdicts, means)
    seconds = sum(trial.seconds for trial in trials)
    return BenchmarkResult(preset, all_figures, judged, planned, len(trials), seconds, failures + all_figures.failed)


def missing_extras(preset: Preset) -> dict[str, str]:
    """Returns recommender -> why it cannot run here, for those whose optional dependencies are not installed."""
    extras = {name: extra for name in preset.models if (extra := recommender(name).extra) is not None}
    return {name: f"{', '.join(absent)} is not installed; {remedy(extra)}" for name, extra in extras.items() if (absent := missing(extra))}


def _failed(failure: Failure) -> str:
    return f"{spec_in_words(failure.spec)}: {failure.error}; {failure.remedy}"
