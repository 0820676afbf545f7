"""From settings to interactions: reading, splitting, scoring. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from r2u_rec.config.settings import DataSettings
from r2u_rec.data.catalogue.names import load_dataset, load_parts
from r2u_rec.data.filters import compact, k_core, rated_at_least
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.reading.files import TextFormat
from r2u_rec.data.reading.read import read_log
from r2u_rec.data.split import Parts, by_time, leave_last_out, random_per_user
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability.scoring import scored
from r2u_rec.revocability.settings import RevocabilitySettings


def checked(data: DataSettings) -> None:
    """Raises DataError for a file or folder that is not there: before anything slow is imported."""
    if data.path is not None and not Path(data.path).exists():
        raise DataError(f"data.path={data.path} is not there: check the path")


def read(data: DataSettings) -> InteractionLog:
    """Returns the interactions that the settings name, filtered as they say, codes without gaps."""
    kept = {"min_rating": data.min_rating, "min_user_records": data.min_user_records, "min_item_records": data.min_item_records}
    if data.path is None:
        return load_dataset(data.name, **kept)
    if Path(data.path).is_dir():
        return load_dataset("folder", path=data.path, **kept)
    same_names = ("user", "item", "time", "rating", "time_unit", "duplicates", "user_info", "item_info")
    options = {name: getattr(data, name) for name in same_names}
    if options["time_unit"] == "auto":
        options["time_unit"] = "s"
    log = read_log(data.path, **options, text=None if data.separator is None else TextFormat(separator=data.separator))
    if data.min_rating is not None:
        log = rated_at_least(log, data.min_rating)
    return compact(k_core(log, min_user_records=data.min_user_records, min_item_records=data.min_item_records))


def split(log: InteractionLog, data: DataSettings, *, seed: int) -> Parts:
    """Returns training, validation and test parts; the split "given" is read anew and takes no filter.

    Raises:
        SettingsError: the settings hold nothing out, and what is measured needs test interactions.
    """
    if data.split == "none":
        raise SettingsError("data.split=none holds no test interactions out, and they are needed here: set it to random, last or time")
    if data.split == "given":
        return load_parts("folder", path=data.path) if data.path else load_parts(data.name)
    if data.split == "last":
        return leave_last_out(log)
    if data.split == "time":
        return by_time(log, shares=data.shares)
    return random_per_user(log, data.shares, seed=seed)


def scores(log: InteractionLog, r: RevocabilitySettings, *, seed: int) -> Any:
    """Returns (n_users,) how likely each user is to withdraw, rules applied, NaN for users without records or withdrawn."""
    return scored(log, r, seed=seed).ruled.scores
