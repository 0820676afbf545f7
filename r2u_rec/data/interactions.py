"""The one reader: a file, a folder, a frame or a sparse matrix becomes a log, filtered as it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
from scipy import sparse

from r2u_rec.data.catalogue.load import read_folder
from r2u_rec.data.filters import filtered
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.reading.check import check_source
from r2u_rec.data.reading.files import TextFormat
from r2u_rec.data.reading.read import read_log
from r2u_rec.data.reading.repeats import Duplicates, check_duplicates
from r2u_rec.data.reading.times import TimeUnit

Rows: TypeAlias = "str | Path | pd.DataFrame | sparse.sparray | sparse.spmatrix"
SideInfo: TypeAlias = "str | Path | pd.DataFrame"


def read_interactions(
    source: Rows,
    *,
    user: str = "auto",
    item: str = "auto",
    time: str | None = "auto",
    rating: str | None = "auto",
    time_unit: TimeUnit = "auto",
    duplicates: Duplicates = "error",
    user_info: SideInfo | None = None,
    item_info: SideInfo | None = None,
    separator: str | None = None,
    min_rating: float | None = None,
    min_user_records: int = 1,
    min_item_records: int = 1,
) -> InteractionLog:
    """Reads interactions between users and items, one row each.

    Args:
        source: a file (.csv, .tsv, .parquet, RecBole's .inter; text also packed, .csv.gz), a folder that holds one as
            interactions.csv or as train.csv and test.csv (with users.csv and items.csv beside it, if there is side
            information), a pandas frame, or a scipy sparse matrix (users x items).
        user, item, time, rating: names of the columns; "auto" looks for usual names, None leaves a time or rating out.
        time_unit: of the time column: "s", "ms", "us", "ns" since 1970-01-01 UTC, or "iso" for text such as 2026-03-01 or
            2026-03-01T12:00:00+01:00 (UTC where no zone is given). "auto": numbers are seconds, and text is read as ISO dates
            when all of it is; columns of a date type need no unit.
        duplicates: what to do when a user has an item more than once. "error" refuses. "first" keeps the oldest record, "last"
            the newest: by time, by row where there is none. "count" and "sum" keep the newest, and its rating becomes the
            number of the pair's rows, or the sum of their ratings. Across the files of a split a repeated pair is a leak, and refused.
        user_info, item_info: side information, a frame or a file with one row a key. Without them, that which lies beside
            the interactions in a folder is read.
        separator: what stands between the columns of text files; None: by the ending of the name.
        min_rating: keep only records rated at least this.
        min_user_records, min_item_records: keep only users and items with as many records (a k-core, after the ratings).

    Returns:
        A log whose ids are row numbers of the source from 0, and whose codes follow the ascending order of keys. Users and items
        that lose all records by the three filters lose their codes too; ids stay.

    Raises:
        DataError: the source cannot be used; the message lists the first offending rows and how many there are.
        ValueError: there is no such unit or way to treat duplicates, or a filter is out of range.
    """
    check_duplicates(duplicates)
    options: dict[str, Any] = {"user": user, "item": item, "time": time, "rating": rating, "time_unit": time_unit, "duplicates": duplicates}
    options |= {"user_info": user_info, "item_info": item_info}
    if separator is not None:
        options["text"] = TextFormat(separator=separator)
    if isinstance(source, str | Path):
        check_source(source, user=user, item=item, time=time, rating=rating, separator=separator)
    if isinstance(source, str | Path) and Path(source).is_dir():
        log = read_folder(Path(source), **options).log
    else:
        log = read_log(source, **options)
    label = str(source) if isinstance(source, str | Path) else "the source"
    return filtered(log, label, min_rating=min_rating, min_user_records=min_user_records, min_item_records=min_item_records)
