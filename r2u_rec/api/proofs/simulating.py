"""simulate: a stream of deletion requests over time, answered by several policies; what each costs and leaves behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from r2u_rec.api.answers import whole
from r2u_rec.api.arguments import checked, component_keys
from r2u_rec.api.constructors import model as model_named
from r2u_rec.api.recommender import Recommender
from r2u_rec.api.streams.play import run_simulation
from r2u_rec.api.streams.policy_words import policy_of
from r2u_rec.config.errors import UsageError
from r2u_rec.config.parse import settings_from_mapping
from r2u_rec.config.settings import Settings, TrainingSettings
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import EvidenceError, SettingsError
from r2u_rec.report.simulation.advice import advise
from r2u_rec.report.simulation.page import write_simulation_page
from r2u_rec.report.simulation.table import seed_rows
from r2u_rec.revocability.settings import RevocabilitySettings
from r2u_rec.simulation.policies import NONE, RETRAIN
from r2u_rec.simulation.settings import SimulateSettings

if TYPE_CHECKING:
    from r2u_rec.report.simulation.results import Simulation

NEVER, ALWAYS = "never", "retrain by_deadline"
"""Policies at the two ends, between which the others are judged; added where none of their kind is named."""


class PlayedSimulation:
    """What `r2u.simulate` returns.

    Attributes:
        simulation: every request, batch and checkpoint of every policy and seed, with settings, versions and machine.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    @property
    def rows(self) -> pd.DataFrame:
        """One row a policy and seed: quality, imprint, hours until erasure, missed deadlines, processor time."""
        return pd.DataFrame(seed_rows(self.simulation))

    @property
    def advice(self) -> str:
        """Which policy to take and why, in a sentence or two."""
        return advise(self.simulation).sentence

    def to_html(self, path: str | PathLike[str]) -> Path:
        """Writes the report as one page that needs no network, and returns its path."""
        return write_simulation_page(self.simulation, Path(path))

    def __repr__(self) -> str:
        n = self.rows["seed"].nunique()
        return f"<simulation of {len(self.simulation.policies)} policies on {n} {'seed' if n == 1 else 'seeds'}>"


def simulate(
    log: str | InteractionLog,
    policies: Sequence[str],
    *,
    model: str | Recommender = "mf",
    seeds: int | Iterable[int] = 1,
    jobs: int = 1,
    out: str | PathLike[str] | None = None,
    ks: Iterable[int] = (20,),
    scoring: Mapping[str, Any] | None = None,
    **stream: Any,
) -> PlayedSimulation:
    """Plays a stream of deletion requests against policies, each from the same first model and held against the same retrained ones.

    Args:
        log: the interactions, or the name of a data set.
        policies: METHOD FIELD=VALUE, such as "newton every_days=7 retrain_every_days=90", "retrain by_deadline" or "ascent batch=20".
            "never" and "retrain by_deadline" are added, since the others are judged between these two ends.
        model: name of a model with its defaults, or one such as `r2u.MF(epochs=50)`, whose method's settings are used; its seed is not.
        seeds: how many, from 0; or the seeds. Each is a simulation of its own.
        jobs: 1 runs all in this process, which knows what was registered in it; more are processes of their own.
        out: folder that keeps what is finished, to go on later, and the page; None: nothing is kept.
        ks: cut-offs of ranked lists.
        scoring: who is likely to ask, as in `score_users`: {"scorer": "uniform"}, for one, where the log has no times.
        stream: of the stream of requests: start, months=12, requests_per_month=20, incident_month, checkpoints=3, n_references=2, ...

    Raises:
        SettingsError: a policy that cannot be read, or does not fit the model; an unknown setting, the nearest is suggested.
        DataError: the log is too small for the groups asked for.
        EvidenceError: no policy could be played to its end; the message says why.
    """
    made = model_named(model) if isinstance(model, str) else model
    numbers = tuple(range(whole(seeds, "seeds"))) if isinstance(seeds, int) else tuple(whole(each, "seeds", 0) for each in seeds)
    if isinstance(policies, str) or not policies:
        raise SettingsError(f"policies must be a list such as ['newton every_days=7'], got {policies!r}")
    keys = {name: key for name, key in component_keys(SimulateSettings, {}).items() if name not in ("policies", "seeds")}
    given = checked(keys, stream, "setting of simulate")
    told = checked(component_keys(RevocabilitySettings, {}), scoring or {}, "setting of scoring")
    whole(jobs, "jobs")
    chosen = both_ends(policies)
    if out is not None:
        return _played(log, made, chosen, numbers, given, told, tuple(ks), jobs, Path(out))
    with tempfile.TemporaryDirectory(prefix="r2u-simulate-") as folder:
        return _played(log, made, chosen, numbers, given, told, tuple(ks), jobs, Path(folder) / "simulation")


def both_ends(policies: Sequence[str]) -> list[str]:
    """Returns the policies with the two ends in front where none of their kind is named; SettingsError for one that cannot be read."""
    operators = {policy_of(text).operator for text in policies}
    return [*([] if NONE in operators else [NEVER]), *([] if RETRAIN in operators else [ALWAYS]), *policies]


def _played(
    log: str | InteractionLog,
    model: Recommender,
    policies: list[str],
    seeds: tuple[int, ...],
    stream: dict[str, Any],
    scoring: dict[str, Any],
    ks: tuple[int, ...],
    jobs: int,
    out: Path,
) -> PlayedSimulation:
    data = {"name": log} if isinstance(log, str) else _written(log, out / "data")
    simulate = {**stream, "policies": policies, "seeds": seeds}
    s = _settings(model, {"data": data, "revocability": scoring, "simulate": simulate, "evaluate": {"ks": list(ks)}})
    simulation, failures = run_simulation(s, out, jobs=jobs, here=jobs == 1)
    if simulation is None or failures:
        raise EvidenceError("; ".join(failures) or "no policy could be played to its end")
    return PlayedSimulation(simulation)


def _settings(model: Recommender, others: dict[str, Any]) -> Settings:
    """Returns the settings of a simulation on this model."""
    plan = model.plan
    own = {name: value for name, value in plan.loop.items() if name in component_keys(TrainingSettings, {})}
    content = {
        "model": {"name": plan.spec.name, **asdict(plan.model)},
        "training": {**own, "threads": plan.threads},
        "forget": {plan.method.name: asdict(plan.method_settings)} if vars(plan.method_settings) else {},
        **others,
    }
    try:
        return settings_from_mapping(_lists({name: part for name, part in content.items() if part}), "simulate")
    except UsageError as error:
        raise SettingsError(str(error)) from None


def _lists(content: Any) -> Any:
    """Returns the content with tuples as lists, as settings files have them."""
    if isinstance(content, dict):
        return {name: _lists(value) for name, value in content.items()}
    return [_lists(each) for each in content] if isinstance(content, (tuple, list)) else content


def _written(log: InteractionLog, folder: Path) -> dict[str, Any]:
    """Writes the log where the processes of a simulation read it, for the owner alone, and returns the settings that name it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    columns = {"user": log.user_keys.keys[log.user], "item": log.item_keys.keys[log.item]}
    columns |= {name: getattr(log, name) for name in ("time", "rating") if getattr(log, name) is not None}
    settings: dict[str, Any] = {"path": str(folder / "interactions.parquet"), "user": "user", "item": "item"}
    settings |= {name: name if name in columns else None for name in ("time", "rating")}
    files = {"interactions.parquet": pd.DataFrame(columns)}
    for role, info, keys in (("user", log.user_info, log.user_keys), ("item", log.item_info, log.item_keys)):
        if info is not None:
            known = ~pd.Index(range(len(keys))).isin(list(keys.empty))
            files[f"{role}s.parquet"] = info.assign(**{role: keys.keys})[known]
            settings[f"{role}_info"] = str(folder / f"{role}s.parquet")
    for name, frame in files.items():
        frame.to_parquet(folder / name, index=False)
        (folder / name).chmod(0o600)
    return settings
