"""Who is flagged by which scorer and who asks in the study `scorer_value`: one split, one population, many requests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_bench.studies.forgetting_world import ExperimentSplit, hash_of, world_of  # beside this file
from r2u_rec.data import load_dataset, random_per_user
from r2u_rec.data.log import InteractionLog
from r2u_rec.revocability import scorer, top_share
from r2u_rec.rng import stream

Codes = NDArray[np.int64]

UNIFORM = "uniform"
"""The scorer that says nothing: its upper half is a random half."""

STANDARD, EVERYONE = "standard", "everyone"
"""Two ways to train that ask no scorer: for nobody, and for everybody."""

ANYONE = "anyone"
OWN, OTHER, LOWER = "those it flags", "those another scorer flags", "those it does not flag"
FLAGGED, UNFLAGGED, RANDOM_HALF = "those a scorer flags", "those a scorer does not flag", "a random half"
KINDS = (FLAGGED, OWN, OTHER, UNFLAGGED, LOWER, RANDOM_HALF, ANYONE)


def top(name: str) -> str:
    """The request from users whom the scorer flags."""
    return f"top half by {name}"


def lower(name: str) -> str:
    """The request from users whom it does not flag."""
    return f"lower half by {name}"


@dataclass
class Population:
    """A world without a revocable set of its own, and the halves that scorers flag.

    Attributes:
        world: its requests are `top` and `lower` of each scorer, and ANYONE: (who asks, the never-trained of the same half).
        halves: scorer -> the users trained on whom it flags.
        everyone: the users trained on.
        hashes: what the split and each half are told by.
    """

    world: ExperimentSplit
    halves: dict[str, Codes]
    everyone: Codes
    hashes: dict[str, str]

    def prepared_for(self, arm: str) -> ExperimentSplit:
        """Returns the world whose revocable users are those whom `arm` flags: a scorer's name, or EVERYONE."""
        return replace(self.world, revocable=self.halves.get(arm, self.everyone))

    def flagged_share(self, arm: str, request: str) -> float | None:
        """Returns the share of the users asking whom the arm flagged; None after standard training."""
        if arm == STANDARD:
            return None
        return float(np.isin(self.world.requests[request][0], self.prepared_for(arm).revocable).mean())

    def overlap(self, arm: str, request: str) -> float | None:
        """Returns the share of the half that asks which stands in the half that the arm flags too; None where one of them is no half."""
        upper, _, name = request.partition(" half by ")
        if name not in self.halves or arm not in self.halves:
            return None
        requesting_users = self.halves[name] if upper == "top" else np.setdiff1d(self.everyone, self.halves[name])
        return float(np.isin(requesting_users, self.halves[arm]).mean())


def populate(seed: int, s: dict[str, Any], part: str, folder: Path) -> Population:
    """Draws a split, who is never trained on, and every request; scores are computed once and kept in `folder`.

    Who is never trained on is drawn from everyone at random, and so is who asks within a half: those asking and the never-trained
    users of the same half differ in nothing but chance.
    """
    parts = random_per_user(load_dataset(s["dataset"]), seed=seed)
    train = parts.train
    n_users = train.n_users
    mixed = stream(seed, "never trained").permutation(np.flatnonzero(train.user_counts))
    n_never, n_strangers = (round(s[f"{name}_share"] * n_users) for name in ("never_trained", "strangers"))
    never, calibration_users, everyone = (np.sort(who) for who in np.split(mixed, [n_never, n_never + n_strangers]))
    halves, requests = {}, {}
    for name, settings in s["scorers"].items():
        best = top_share(pinned(folder, seed, name, settings, train), 0.5, seed=seed)
        halves[name] = np.intersect1d(best, everyone)
        requests[top(name)] = np.intersect1d(best, everyone), np.intersect1d(best, never)
        requests[lower(name)] = np.setdiff1d(everyone, best), np.setdiff1d(never, best)
    requests[ANYONE] = everyone, never
    n = round(s["request_share"] * n_users)
    drawn = {
        name: (np.sort(stream(seed, "who asks", name).choice(pool, size=n, replace=False)), holdout)
        for name, (pool, holdout) in requests.items()
    }
    apart = np.union1d(never, calibration_users)
    world = world_of(parts, part, apart=apart, calibration_users=calibration_users, revocable=everyone, requests=drawn)
    hashes = {"train": hash_of(train), "trained on": hash_of(world.records)}
    hashes |= {f"top half by {name}": hashlib.sha256(half.tobytes()).hexdigest()[:16] for name, half in halves.items()}
    return Population(world, halves, everyone, hashes)


def pinned(folder: Path, seed: int, name: str, settings: dict[str, Any], train: InteractionLog) -> NDArray[np.float64]:
    """Returns the scores, computed the first time and read from then on: a later scorer of that name does not change who is flagged."""
    mark = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    path = folder / f"scores-{seed}-{name}-{mark}.npy"
    if not path.exists():
        np.save(path, scorer(name)(train, **settings))
    return np.load(path)


def kind_of(arm: str, request: str) -> str | None:
    """Returns who asks, as seen from a model prepared for the half that `arm` flags; None for what is not compared.

    To a model that was prepared for nobody or for everybody scorers are all alike, and a random half is not another scorer.
    """
    if request == ANYONE:
        return ANYONE
    upper, _, name = request.partition(" half by ")
    if arm in (STANDARD, EVERYONE):
        return RANDOM_HALF if name == UNIFORM else FLAGGED if upper == "top" else UNFLAGGED
    if name == arm:
        return OWN if upper == "top" else LOWER
    return OTHER if upper == "top" and name != UNIFORM else None


def needed(arm: str, request: str) -> bool:
    """Whether the arm is measured at the request: those without a scorer at all of them, for comparison."""
    return arm in (STANDARD, EVERYONE, UNIFORM) or kind_of(arm, request) is not None
