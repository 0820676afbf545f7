"""Readers: one function for every kind of source, one for a split that stands in files of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from r2u_rec.data.appending import append
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.reading.columns import Columns
from r2u_rec.data.reading.encode import encode
from r2u_rec.data.reading.files import TextFormat, is_parquet
from r2u_rec.data.reading.info import read_info
from r2u_rec.data.reading.repeats import Duplicates, check_duplicates, merge_repeats, repeats
from r2u_rec.data.reading.table import SourceTable, open_frame, open_parquet
from r2u_rec.data.reading.text import open_text
from r2u_rec.data.reading.times import TimeUnit
from r2u_rec.data.split import Parts, given
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import DataError


def read_log(
    source: Any,
    *,
    user: str = "auto",
    item: str = "auto",
    time: str | None = "auto",
    rating: str | None = "auto",
    time_unit: TimeUnit = "auto",
    duplicates: Duplicates = "error",
    user_info: Any = None,
    item_info: Any = None,
    text: TextFormat | None = None,
) -> InteractionLog:
    """Reads interactions from a file, a frame or a sparse matrix.

    Args:
        source: a path, or a pandas frame with one row an interaction, or a scipy sparse matrix (users x items; its shape
            gives the vocabularies 0..n-1, its values the ratings unless all are one). Paths by their ending: .parquet,
            .inter (RecBole, its .user and .item files beside it are read as side information), anything else as text.
        user, item, time, rating: names of the columns; "auto" looks for usual names (see `Columns`), None leaves out.
        time_unit: "s", "ms", "us", "ns" since 1970-01-01 UTC, or "iso" for text such as 2015-03-01 12:00:00 (UTC where no zone
            is given). "auto": numbers are seconds, text is read as ISO dates if all of it is; columns of a date type need no unit.
        duplicates: what to do when a user has an item twice: "error", or keep the "first" or the "last" record by time, or the
            last with the "count" or the "sum" of ratings as its rating (see `merge_repeats`).
        user_info, item_info: side information: a frame or a path (see `read_info`).
        text: how a text file is written; None: by the ending of its name.

    Returns:
        A log whose ids are row numbers of the source from 0, and whose codes follow the ascending order of keys. Keys are
        integers if every key of the column is (in one spelling), text otherwise.

    Raises:
        DataError: the source cannot be used; the message lists the first offending rows and how many there are.
    """
    columns = Columns(user, item, time, rating)
    if sparse.issparse(source):
        log = _from_matrix(source, duplicates)
    else:
        table = _opened(source, columns, text or TextFormat())
        log = encode(table, time_unit=time_unit, duplicates=duplicates)
        if table.path is not None and table.path.suffix.lower() == ".inter":
            beside = {ending: table.path.with_suffix(ending) for ending in (".user", ".item")}
            user_info = beside[".user"] if user_info is None and beside[".user"].is_file() else user_info
            item_info = beside[".item"] if item_info is None and beside[".item"].is_file() else item_info
    return replace(
        log,
        user_info=None if user_info is None else read_info(user_info, "user", log.user_keys, column=user, text=text),
        item_info=None if item_info is None else read_info(item_info, "item", log.item_keys, column=item, text=text),
    )


def read_given(train: Any, test: Any, validation: Any = None, **options: Any) -> Parts:
    """Reads a split that stands in files (or frames) of its own; `options` are those of `read_log`.

    The parts share one vocabulary. Ids count through training, then validation, then test. A pair that stands in two
    parts is a leak, and a DataError.
    """
    log = read_log(train, **options)
    ends = [len(log)]
    for source in (validation, test):
        if source is not None:
            log = append(log, read_log(source, **options))
        ends.append(len(log))
    rows = np.arange(len(log))
    return given(log, validation=(rows >= ends[0]) & (rows < ends[1]), test=rows >= ends[1])


def _opened(source: Any, columns: Columns, text: TextFormat) -> SourceTable:
    if isinstance(source, pd.DataFrame):
        return open_frame(source, columns)
    if not isinstance(source, str | Path):
        raise TypeError(f"source must be a path, a pandas frame or a scipy sparse matrix, got {type(source).__name__}")
    path = Path(source)
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file in it, or use read_interactions")
    return open_parquet(path, columns) if is_parquet(path) else open_text(path, text, columns)


def _from_matrix(matrix: Any, duplicates: Duplicates) -> InteractionLog:
    """Every stored value is an interaction; keys are row and column numbers, empty rows and columns included."""
    stored = matrix.tocoo()
    user, item = (np.asarray(index, dtype=np.int32) for index in stored.coords)
    value = np.asarray(stored.data, dtype=np.float32)
    if len(value) == 0:
        raise DataError("the matrix has no stored values: there is nothing to read")
    broken = np.flatnonzero(~np.isfinite(value))
    if broken.size:
        first = "; ".join(f"({user[at]}, {item[at]}): {value[at]}" for at in broken[:5])
        raise DataError(f"the matrix holds {broken.size} values that are not finite, the first (user, item): {first}: remove them")
    order = np.lexsort((item, user))
    user, item, value = user[order], item[order], value[order]
    users, items = (Vocabulary.of(np.arange(size)) for size in matrix.shape)
    log = InteractionLog(np.arange(len(value)), user, item, None, value, users, items)
    check_duplicates(duplicates)
    if duplicates != "error":
        log = merge_repeats(log, duplicates, "the matrix")
    elif (found := repeats(log)) is not None:
        order, again = found
        at = order[1:][again][0]
        raise DataError(
            f"the matrix stores {again.sum()} entries twice, the first ({user[at]}, {item[at]}): call sum_duplicates(), or pass duplicates="
        )
    all_ones = duplicates not in ("count", "sum") and bool((value == 1).all())
    return replace(log, rating=None) if all_ones else log
