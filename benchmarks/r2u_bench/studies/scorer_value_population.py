"""Who is flagged by which scorer and who asks in the study `scorer_value`: one split, one population, many requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_bench.studies.forgetting_split import hashes_of  # beside this file
from r2u_rec.data import load_dataset, random_per_user
from r2u_rec.data.log import InteractionLog
from r2u_rec.revocability import scorer, top_share
from r2u_rec.study.halves import ANYONE, HalvesStudy, halves_by_scorer
from r2u_rec.study.quality import Part
from r2u_rec.study.request import hash_of

UNIFORM = "uniform"
"""The scorer that says nothing: its upper half is a random half."""

STANDARD, EVERYONE = "standard", "everyone"
"""Two ways to train that ask no scorer: for nobody, and for everybody."""

OWN, OTHER, LOWER = "those it flags", "those another scorer flags", "those it does not flag"
FLAGGED, UNFLAGGED, RANDOM_HALF = "those a scorer flags", "those a scorer does not flag", "a random half"
KINDS = (FLAGGED, OWN, OTHER, UNFLAGGED, LOWER, RANDOM_HALF, ANYONE)


def flagged_share(population: HalvesStudy, arm: str, request: str) -> float | None:
    """Returns the share of the users asking whom the arm flagged; None after standard training."""
    if arm == STANDARD:
        return None
    return float(np.isin(population.study.request(request).forget, population.prepared_for(arm).revocable).mean())


def overlap(population: HalvesStudy, arm: str, request: str) -> float | None:
    """Returns the share of the half that asks which stands in the half that the arm flags too; None where one of them is no half."""
    upper, _, name = request.partition(" half by ")
    halves = population.halves
    if name not in halves or arm not in halves:
        return None
    asking = halves[name] if upper == "top" else np.setdiff1d(population.everyone, halves[name])
    return float(np.isin(asking, halves[arm]).mean())


def populate(seed: int, s: Mapping[str, Any], part: Part, folder: Path) -> HalvesStudy:
    """Draws a split, who is never trained on, and every request; scores are computed once and kept in `folder`."""
    parts = random_per_user(load_dataset(s["dataset"]), seed=seed)
    flagged = {
        name: top_share(pinned(folder, seed, name, settings, parts.train), 0.5, seed=seed) for name, settings in s["scorers"].items()
    }
    return halves_by_scorer(
        parts,
        flagged,
        never_trained_share=s["never_trained_share"],
        calibration_share=s["strangers_share"],
        request_share=s["request_share"],
        seed=seed,
        part=part,
    )


def population_hashes(population: HalvesStudy) -> dict[str, str]:
    """Returns what the split and each half are told by."""
    return hashes_of(population.study) | {f"top half by {name}": hash_of(half) for name, half in population.halves.items()}


def pinned(folder: Path, seed: int, name: str, settings: Mapping[str, Any], train: InteractionLog) -> NDArray[np.float64]:
    """Returns the scores, computed the first time and read from then on: a later scorer of that name does not change who is flagged."""
    mark = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    path = folder / f"scores-{seed}-{name}-{mark}.npy"
    if not path.exists():
        np.save(path, scorer(name)(train, **settings))
    return np.asarray(np.load(path))


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
