"""How much of a history is sensitive: records of configured items, or of items in configured categories."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from ibis.expr.types import Table
from numpy.typing import NDArray

from r2u_rec.errors import SettingsError
from r2u_rec.revocability.scorers.profile import category_codes
from r2u_rec.suggest import choices


def sensitive_counts(records: Table, items: Table) -> Table:
    """Returns one row a user who has any: sensitive_records, the user's records of `items` (one column, item)."""
    found = records.semi_join(items, "item")
    return found.group_by("user").aggregate(sensitive_records=found.count().cast("float64"))


def items_in(column: pd.Series, wanted: Iterable[str], *, separator: str) -> NDArray[np.int64]:
    """Returns the ascending positions of the items of whose text lists an entry is `wanted`.

    Raises:
        SettingsError: a wanted category is no entry of any item.
    """
    item, code, names = category_codes(column, separator)
    wanted = list(wanted)
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise SettingsError(f"sensitive category {unknown[0]!r} is no entry of any item{choices(unknown[0], names)}")
    return np.unique(item[np.isin(code, names.get_indexer(wanted))])
