"""The study of one seed of `forgetting`: a split, two requests, their never-trained counterparts, calibration users."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from r2u_rec.data import Parts, load_dataset, random_per_user
from r2u_rec.study.halves import flagged_and_not
from r2u_rec.study.quality import Part
from r2u_rec.study.study import Study


def build_study(
    dataset: str, seed: int, s: Mapping[str, Any], part: Part = "test", *, split: Callable[..., Parts] = random_per_user
) -> Study:
    """Draws split and cohorts; part "validation" is for choosing settings, `split` (log, seed=) -> parts."""
    parts = split(load_dataset(dataset), seed=seed)
    return flagged_and_not(parts, request_share=s["request_share"], calibration_share=s["strangers_share"], seed=seed, part=part)


def hashes_of(study: Study) -> dict[str, str]:
    """Returns the hashes of the training part and of what is trained on, by the names of the results files."""
    return {"train": study.part_hashes["train"], "trained on": study.part_hashes["trained"]}
