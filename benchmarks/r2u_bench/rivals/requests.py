"""The study of one seed of the benchmark, and the requests that it may be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from r2u_rec.data import load_dataset, random_per_user, read_log
from r2u_rec.errors import SettingsError
from r2u_rec.study.kinds import KINDS, every_kind, request_name
from r2u_rec.study.study import Study
from r2u_rec.suggest import unknown

K = 20


@lru_cache(maxsize=2)
def build_study(data: str, seed: int, shares: tuple[float, ...] = (0.01, 0.05), calibration_share: float = 0.06) -> Study:
    """Returns the study of one seed of a data set, by its name or as a file of one's own; see `every_kind`."""
    log = read_log(data) if Path(data).is_file() else load_dataset(data)
    return every_kind(random_per_user(log, seed=seed), seed=seed, shares=shares, calibration_share=calibration_share)


def requests_of(names: Sequence[str] | None, shares: Sequence[float]) -> list[str]:
    """Returns the names asked for in the benchmark's order; all for None.

    Raises:
        SettingsError: a name that there is not.
    """
    every = [request_name(kind, share) for share in sorted(shares, reverse=True) for kind in KINDS]
    missing = [name for name in names or () if name not in every]
    if missing:
        raise SettingsError(unknown("request", missing[0], every))
    return [name for name in every if names is None or name in names]
