"""A whole simulation: first models and references, then every policy on every seed, then tables and page. Resumes what was stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from r2u_rec.api.streams.methods import starts
from r2u_rec.api.streams.policy_words import policy_of
from r2u_rec.api.streams.scenario import checkpoints_of, scenario_of, span
from r2u_rec.api.streams.trials import settings_text
from r2u_rec.config.files import SETTINGS_FILE, flattened, read_settings, write_settings
from r2u_rec.config.settings import Settings
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.registry.tables import METHODS
from r2u_rec.report.simulation.page import write_simulation_page
from r2u_rec.report.simulation.results import Simulation, save_simulation
from r2u_rec.simulation.outcome import BATCHES, CHECKPOINTS, REQUESTS
from r2u_rec.simulation.policies import NONE, RETRAIN, Policy
from r2u_rec.simulation.stream import Stream, write_stream
from r2u_rec.trials.progress import TrialProgress
from r2u_rec.trials.runner import Failure, run_trials, run_trials_here
from r2u_rec.trials.store import Trial, distinct, read_trial, spec_in_words

KIND = "r2u_rec.api.streams.trials:{}@1"
PAGE_FILE = "simulation.html"
TABLES = {"requests": REQUESTS, "batches": BATCHES, "checkpoints": CHECKPOINTS}


def run_simulation(s: Settings, out: Path, *, jobs: int, here: bool = False) -> tuple[Simulation | None, list[str]]:
    """Runs what is not in `out` yet, and writes settings, streams, the three tables and the page there.

    Args:
        jobs: processes. here: run all in this process, one after another.

    Returns:
        the simulation over all policies that could be played on every seed (None when there is none), and what failed.

    Raises:
        SettingsError: settings that cannot be simulated; `out` holds a simulation with other settings.
        KeyboardInterrupt: on Ctrl-C; what has finished is kept.
    """
    policies = {policy.name: policy for policy in map(policy_of, s.simulate.policies)}
    _check(s, policies)
    out.mkdir(parents=True, exist_ok=True)
    _same_settings(s, out)
    streams = {seed: scenario_of(replace(s, seed=seed), seed).stream for seed in s.simulate.seeds}
    for seed, stream in streams.items():
        write_stream(stream, out / f"stream-{seed}.parquet")
    common = {"settings": settings_text(s), "folder": str(out)}
    first = [
        {**common, "kind": KIND.format("start"), "seed": seed, "arm": name, "operators": list(operators)}
        for seed in s.simulate.seeds
        for name, operators in ({"standard": ("retrain",)} | starts(s, policies)).items()
    ]
    first += [
        {**common, "kind": KIND.format("reference"), "seed": seed, "checkpoint": at, "number": number}
        for seed, stream in streams.items()
        for at in range(len(checkpoints_of(s, stream)))
        for number in range(s.simulate.n_references)
    ]
    _, failures = _carried_out(first, out, jobs, here)
    if failures:
        return None, failures
    plays = [{**common, "kind": KIND.format("play"), "seed": seed, "policy": name} for name in policies for seed in s.simulate.seeds]
    played, failures = _carried_out(plays, out, jobs, here)
    whole = [name for name in policies if sum(trial.spec["policy"] == name for trial in played) == len(s.simulate.seeds)]
    if not whole:
        return None, failures
    simulation = assembled(s, out, {name: policies[name] for name in whole}, played, streams)
    save_simulation(simulation, out)
    write_simulation_page(simulation, out / PAGE_FILE)
    return simulation, failures


def assembled(s: Settings, out: Path, policies: Mapping[str, Policy], played: Sequence[Trial], streams: Mapping[int, Stream]) -> Simulation:
    """Returns the simulation that the trials of its policies make."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for trial in played:
        if trial.spec["policy"] in policies:
            for row in trial.rows:
                rows[row["table"]].append({name: value for name, value in row.items() if name not in ("what", "table")})
    frames = {name: _frame(found, TABLES[name]) for name, found in rows.items()}
    scenario = scenario_of(replace(s, seed=s.simulate.seeds[0]), s.simulate.seeds[0])
    log, (start, end) = scenario.parts.train, span(s)
    data = {"name": Path(s.data.path).name if s.data.path else s.data.name, "n_users": log.n_users, "n_items": log.n_items}
    data["n_interactions"] = sum(len(part) for part in (log, scenario.parts.validation, scenario.parts.test))
    n = round(sum(len(stream.requests) for stream in streams.values()) / len(streams))
    return Simulation(
        name=out.name,
        command=f"r2u simulate --repeat {out.name}",
        settings=s.flat(),
        policies={name: asdict(policy) for name, policy in policies.items()},
        start=start,
        end=end,
        question=f"How should {n} requests of erasure in {s.simulate.months} months be answered ({s.model.name} on {data['name']})?",
        data=data,
        quality=f"NDCG@{max(s.evaluate.ks)}",
        exact=("retrain", "reprepare", *(name for name, how in METHODS.items() if how.exact and name != RETRAIN)),
        incidents=[int(i.time) for i in scenario.incidents],
        notes=(
            "Quality is that of users who are there from the start and never ask. Retrained models have seen all that was known by the "
            "checkpoint without all who had asked by then; people who come back are in none of them.",
            "Seconds of decisions are modelled, from costs measured once; compute is measured.",
        ),
        **frames,
    )


def _frame(rows: list[dict[str, Any]], kinds: Mapping[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=None if rows else list(kinds))
    return frame.astype({name: kind for name, kind in kinds.items() if name in frame})


def _carried_out(specs: list[dict[str, Any]], out: Path, jobs: int, here: bool) -> tuple[list[Trial], list[str]]:
    """Runs the trials that are not stored, and returns all, and what failed in a line each."""
    planned = distinct(specs)
    stored = {key: trial for key in planned if (trial := read_trial(out, key)) is not None}
    failed: list[Failure] = []
    with TrialProgress(planned, stored, jobs) as progress:
        waiting = {key: spec for key, spec in planned.items() if key not in stored}
        runs = (
            run_trials_here(waiting, out, under_way=progress.under_way)
            if here
            else run_trials(waiting, out, jobs=jobs, under_way=progress.under_way)
        )
        with closing(runs) as outcomes:
            for key, outcome in outcomes:
                progress.ended(key, outcome)
                if isinstance(outcome, Trial):
                    stored[key] = outcome
                else:
                    failed.append(outcome)
    return [stored[key] for key in planned if key in stored], [f"{spec_in_words(f.spec)} failed: {f.error}; {f.remedy}" for f in failed]


def _check(s: Settings, policies: Mapping[str, Policy]) -> None:
    m = s.simulate
    if len(policies) != len(m.policies) or not policies:
        raise SettingsError(f"simulate.policies must name one or more policies, each once, got {list(m.policies)}")
    if not m.seeds or len(set(m.seeds)) != len(m.seeds):
        raise SettingsError(f"simulate.seeds must name one or more seeds, each once, got {list(m.seeds)}")
    if m.n_references < 2:
        raise SettingsError(f"simulate.n_references must be at least 2, got {m.n_references}: one retrained model has no spread")
    lacking = [
        word for word, operator in (("never", NONE), ("retrain", RETRAIN)) if operator not in {p.operator for p in policies.values()}
    ]
    if lacking:
        raise SettingsError(
            f"simulate.policies lacks {' and '.join(lacking)}: others are judged between the two ends, add one beginning with {lacking[0]}"
        )
    starts(s, policies)  # refuses operators that do not fit the model


def _same_settings(s: Settings, out: Path) -> None:
    """Refuses a folder of a simulation with other settings; policies and seeds may be added."""
    path = out / SETTINGS_FILE
    if path.is_file():
        known, now = read_settings(path), flattened(s)
        for name, value in now.items():
            one = list(value) if isinstance(value, tuple) else value
            if name not in ("simulate.policies", "simulate.seeds") and known.get(name) != one:
                raise DataError(f"{out} holds a simulation with {name}={known.get(name)!r}, not {one!r}: name another folder with --out")
    write_settings(s, out)
