"""From settings to interactions: checking, reading, splitting, scoring. Needs no torch; checking needs nothing heavy at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from r2u_rec.config.settings import DataSettings
from r2u_rec.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from r2u_rec.data.log import InteractionLog
    from r2u_rec.data.split import Parts
    from r2u_rec.revocability.settings import RevocabilitySettings


def check_data(data: DataSettings) -> None:
    """Refuses a source or a column that is not there, before anything slow is imported.

    Raises:
        DataError: the file, the folder or a column is not there. SettingsError: there is no data set of that name.
    """
    from r2u_rec.data.catalogue.cards import card
    from r2u_rec.data.reading.check import check_source

    if data.path is None:
        card(data.name)
        return
    names = ("user", "item", "time", "rating", "separator", "user_info", "item_info")
    check_source(data.path, **{name: getattr(data, name) for name in names})


def read(data: DataSettings) -> InteractionLog:
    """Returns the interactions that the settings name, filtered as they say, codes without gaps."""
    from r2u_rec.data.catalogue.names import load_dataset
    from r2u_rec.data.interactions import read_interactions

    kept: dict[str, Any] = {
        "min_rating": data.min_rating,
        "min_user_records": data.min_user_records,
        "min_item_records": data.min_item_records,
    }
    if data.path is None:
        return load_dataset(data.name, **kept)
    same = ("user", "item", "time", "rating", "time_unit", "duplicates", "user_info", "item_info", "separator")
    return read_interactions(data.path, **{name: getattr(data, name) for name in same}, **kept)


def split_log(log: InteractionLog, data: DataSettings, *, seed: int) -> Parts:
    """Returns training, validation and test parts; the split "given" is read anew and takes no filter.

    Raises:
        SettingsError: the settings hold nothing out, and what is measured needs test interactions.
    """
    from r2u_rec.data import split as splits
    from r2u_rec.data.catalogue.names import load_parts

    if data.split == "none":
        raise SettingsError("data.split=none holds no test interactions out, and they are needed here: set it to random, last or time")
    if data.split == "given":
        if data.path is None:
            return load_parts(data.name)
        return load_parts("folder", path=data.path, user=data.user, item=data.item, time=data.time, rating=data.rating)
    return splits.split(log, data.split, shares=data.shares, seed=seed)


def scores(log: InteractionLog, r: RevocabilitySettings, *, seed: int) -> NDArray[np.float64]:
    """Returns (n_users,) how likely each user is to withdraw, rules applied, NaN for users without records or withdrawn."""
    from r2u_rec.revocability.scoring import scored

    return scored(log, r, seed=seed).ruled.scores
