"""Simulation: what a replayed stream of deletion requests gave under several policies; saved as Parquet and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from r2u_rec.errors import DataError
from r2u_rec.report.provenance import machine_kind, versions
from r2u_rec.report.results import plain, read_versioned
from r2u_rec.report.simulation.frames import check_frames

SCHEMA_VERSION = 1
SIMULATION_FILE = "simulation.json"
POLICIES_FILE = "policies.parquet"
FRAMES = ("requests", "batches", "checkpoints")

NEVER, RETRAIN = "none", "retrain"
"""Operators of the policies at the two ends: one never erases, the other retrains whenever it acts."""

UNNEEDED = "unneeded"
"""Operator of a batch that found nothing to erase in the model."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """The same requests under several policies and seeds, and where the figures come from.

    Attributes:
        name: of the simulation's folder.
        command: what repeats it.
        settings: resolved settings, nested as they are written in the settings file.
        policies: name -> fields of the policy (operator, batch, every_days, ...); its order is that of table and figures.
            Operator "none" marks the policy that never erases, "retrain" those that always retrain.
        start, end: simulated time, int seconds since 1970-01-01 UTC.
        requests: a row a policy, seed and request; columns `simulation_frames.REQUESTS`.
        batches: a row a policy, seed and piece of work; columns `simulation_frames.BATCHES`, and figures (snapshot_auc, ...).
        checkpoints: a row a policy, seed and time; columns `simulation_frames.CHECKPOINTS`, and figures (ndcg, auc, ...);
            a figure that nobody measured may be missing.
        question: what was asked, in a sentence or two.
        data: name, n_users, n_items, n_interactions, sha256.
        incidents: times of bursts of requests, to be marked.
        exact: operators whose result equals retraining, in distribution.
        quality: name of the ranking metric in the column ndcg.
        notes: what a reader must know of this simulation.
        versions, machine, created: filled in by default.
    """

    name: str
    command: str
    settings: Mapping[str, Any]
    policies: Mapping[str, Mapping[str, Any]]
    start: int
    end: int
    requests: pd.DataFrame
    batches: pd.DataFrame
    checkpoints: pd.DataFrame
    question: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    incidents: Sequence[int] = ()
    exact: Sequence[str] = (RETRAIN,)
    quality: str = "NDCG@20"
    notes: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=versions)
    machine: Mapping[str, Any] = field(default_factory=machine_kind)
    created: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        """Checks the frames; raises DataError as `simulation_frames.check_frames`, TypeError for what JSON cannot hold."""
        for entry in fields(self):
            if entry.name not in FRAMES:
                object.__setattr__(self, entry.name, plain(getattr(self, entry.name), entry.name))
        for name in FRAMES:
            object.__setattr__(self, name, getattr(self, name).reset_index(drop=True))
        if self.start >= self.end:
            raise DataError(f"start must lie before end, got {self.start} and {self.end}: give the bounds of the stream")
        check_frames(self.requests, self.batches, self.checkpoints, policies=list(self.policies), start=self.start, end=self.end)

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds, ascending."""
        return sorted(int(seed) for seed in self.requests["seed"].unique())

    def part(self, frame: str, policy: str, seed: int | None = None) -> pd.DataFrame:
        """Returns the rows of one policy (and one seed) of "requests", "batches" or "checkpoints"."""
        rows: pd.DataFrame = getattr(self, frame)
        known = self._places[frame]
        places = [known.get((policy, each), np.empty(0, dtype=np.int64)) for each in (self.seeds if seed is None else [seed])]
        return rows.take(np.sort(np.concatenate(places)))

    @cached_property
    def _places(self) -> dict[str, dict[Any, Any]]:
        """Frame -> (policy, seed) -> positions of the rows."""
        return {name: getattr(self, name).groupby(["policy", "seed"], sort=False).indices for name in FRAMES}


def save_simulation(sim: Simulation, folder: Path) -> Path:
    """Writes requests, batches, checkpoints and policies as .parquet, and simulation.json, into `folder` (made if need be).

    policies.parquet, a row a policy, is for whoever joins the tables; it is read from the JSON file when loading.

    Returns:
        The path of the JSON file, which is put in its place last: a broken write is found when loading.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {entry.name: getattr(sim, entry.name) for entry in fields(sim) if entry.name not in FRAMES}
    content["n_rows"] = {name: len(getattr(sim, name)) for name in FRAMES}
    policies = pd.DataFrame([{**given, "policy": name} for name, given in sim.policies.items()])
    policies[["policy", *policies.columns.drop("policy")]].to_parquet(folder / f"{POLICIES_FILE}.part", index=False)
    for name in FRAMES:
        getattr(sim, name).to_parquet(folder / f"{name}.parquet.part", index=False)
    unfinished = folder / (SIMULATION_FILE + ".part")
    unfinished.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    for name in FRAMES:
        (folder / f"{name}.parquet.part").replace(folder / f"{name}.parquet")
    (folder / f"{POLICIES_FILE}.part").replace(folder / POLICIES_FILE)
    return unfinished.replace(folder / SIMULATION_FILE)


def load_simulation(folder: Path) -> Simulation:
    """Returns the simulation that `save_simulation` wrote into `folder`.

    Raises:
        FileNotFoundError: one of the four files is missing.
        ValueError: the JSON file is broken, of another schema version, or of another simulation than the Parquet files.
    """
    path = folder / SIMULATION_FILE
    for needed in (path, *(folder / f"{name}.parquet" for name in FRAMES)):
        if not needed.is_file():
            raise FileNotFoundError(f"{needed} is not there: name the folder of a finished simulation")
    content = read_versioned(path, SCHEMA_VERSION, again="simulate again")
    expected = content.pop("n_rows")
    frames = {name: pd.read_parquet(folder / f"{name}.parquet") for name in FRAMES}
    for name, frame in frames.items():
        if len(frame) != expected[name]:
            raise ValueError(
                f"{name}.parquet has {len(frame)} rows, {SIMULATION_FILE} says {expected[name]}: "
                "the files are of different simulations, simulate again"
            )
    return Simulation(**content, **frames)
