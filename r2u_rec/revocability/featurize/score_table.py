"""Scores of records that are larger than memory: one row a user, which must fit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability.featurize.records import RecordTables
from r2u_rec.revocability.featurize.sides import Sides
from r2u_rec.revocability.featurize.table import FeatureSettings, feature_table
from r2u_rec.revocability.scorers.registry import REGISTRY


def score_table(
    records: RecordTables, scorer: str = "blend", settings: FeatureSettings | None = None, *, sides: Sides | None = None
) -> pa.Table:
    """Returns the scores of any records: `user`, the key as in the records, `score`, and the features it is made of.

    The features are made where the records are; ranks need all users at once, so they are made here.

    Args:
        records: `records_of` a Parquet file or of a table of any engine.
        scorer: a name of the registry that needs nothing from outside.
        settings: what the features depend on.
        sides: `sides_of_records`, with the side information there is; none when None.

    Raises:
        SettingsError: no such scorer, or one whose scores come from outside.
        DataError: the records lack what the scorer needs.
    """
    card = REGISTRY.get(scorer)
    if card is None or card.made is None:
        names = ", ".join(name for name, other in REGISTRY.items() if other.made is not None)
        raise SettingsError(f"scorer must be one of {names}, got {scorer!r}")
    table, absent = feature_table(records, settings, only=card.columns, sides=sides)
    if absent and not card.any_of:
        raise DataError(next(iter(absent.values())))
    found = table.to_pyarrow()
    parts = {name: found[name].to_numpy().astype(np.float64) for name in card.columns if name in found.column_names}
    return found.add_column(1, "score", pa.array(card.made(parts)))
