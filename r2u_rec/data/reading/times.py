"""Times as a source writes them: numbers since 1970, ISO 8601 text, or a date type. Logs, requests and past erasures read them here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from r2u_rec.data.reading.refusal import LISTED, numbered, refuse_rows, value_text
from r2u_rec.data.reading.table import SourceTable, quoted

TimeUnit: TypeAlias = Literal["auto", "s", "ms", "us", "ns", "iso"]
LATEST = 4102444800  # 2100-01-01 UTC, in seconds: a later time is taken for milliseconds, or for a mistake
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
TIME_UNITS = ("auto", *UNITS, "iso")
ISO_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
_OTHER_DATE = r"([0-9]{1,4}[/.][0-9]{1,2}[/.][0-9]{1,4}|[0-9]{1,2}-[0-9]{1,2}-[0-9]{2,4})([T ,].*)?"
_COMPACT = r"[0-9]{8}(\.0)?"
_SAMPLE = 1000  # rows that the form of a column is guessed by; a wrong guess is noticed by the check of all rows


@dataclass(frozen=True)
class TimeColumn:
    """A column of times in a table's view `source`, and the SQL that reads it.

    Attributes:
        column: its name in the view.
        name: what messages call it.
        kind: its DuckDB type.
        unit: one of `UNITS`, or "iso"; of no account for a date type.
        is_guessed: whether the unit was left at "auto".
        flag: how the command line spells the setting of the unit, or None.
    """

    column: str
    name: str
    kind: str
    unit: str
    is_guessed: bool
    flag: str | None

    @property
    def is_date_type(self) -> bool:
        return self.kind.startswith(("TIMESTAMP", "DATE"))

    @property
    def is_text(self) -> bool:
        return self.kind == "VARCHAR"

    def seconds(self, *, whole: bool = True) -> str:
        """Returns SQL of the (whole) seconds since 1970-01-01 UTC, null for what cannot be read; no zone and no offset mean UTC."""
        name = quoted(self.column)
        if self.is_date_type:
            seconds = f"epoch({name})"
        elif self.unit == "iso":
            seconds = f"(CASE WHEN {self._is_iso} THEN epoch(TRY_CAST(trim({name}::VARCHAR) AS TIMESTAMPTZ)) END)"  # the session is in UTC
        else:
            seconds = f"TRY_CAST({name} AS DOUBLE) / {UNITS[self.unit]}"
        return f"TRY_CAST(floor({seconds}) AS BIGINT)" if whole else seconds

    def is_odd(self) -> str:
        """Returns SQL that is true for numbers in a spelling that is refused, which `seconds` reads."""
        if self.is_date_type or self.unit == "iso":
            return "false"
        return f"contains({quoted(self.column)}, '_')" if self.is_text else f"isnan(TRY_CAST({quoted(self.column)} AS DOUBLE))"

    def finding(self) -> str:
        """Returns SQL text that says what is wrong with a time, null when nothing is."""
        column, seconds = quoted(self.column), self.seconds(whole=False)
        value = value_text(column, self.name)
        missing = f"{column} IS NULL" + (f" OR trim({column}) = ''" if self.is_text else "")
        cases = f"WHEN {missing} THEN '{self.name} is missing' "
        if not self.is_date_type and self.unit != "iso":
            unread = f"{seconds} IS NULL" + (f" OR contains({column}, '_')" if self.is_text else "")
            what = (
                "neither a number of seconds since 1970 nor an ISO date such as 2026-03-01 12:00:00" if self.is_guessed else "not a number"
            )
            cases += (
                f"WHEN regexp_full_match(trim({column}::VARCHAR), '{_OTHER_DATE}') THEN {value} || ' {self._other_date}' "
                f"WHEN {unread} THEN {value} || ' is {what}' "
                f"WHEN isnan({seconds}) THEN '{self.name} is NaN' WHEN isinf({seconds}) THEN '{self.name} is infinite' "
            )
            bounds = f"(1970 to 2099, in {self.unit}; {self._spelled} names another unit)"
        else:
            other = f"regexp_full_match(trim({column}::VARCHAR), '{_OTHER_DATE}')"
            cases += f"WHEN {seconds} IS NULL AND {other} THEN {value} || ' {self._other_date}' "
            cases += f"WHEN {seconds} IS NULL THEN {value} || ' is no date' "
            bounds = "(1970 to 2099)"
        return f"(CASE {cases}WHEN {seconds} < 0 OR {seconds} >= {LATEST} THEN {value} || ' is out of range {bounds}' END)"

    @property
    def _is_iso(self) -> str:
        return f"regexp_full_match(trim({quoted(self.column)}::VARCHAR), '{ISO_DATE}')"

    @property
    def _other_date(self) -> str:
        return "may have its day or its month first: write it as YYYY-MM-DD"

    @property
    def _spelled(self) -> str:
        return "time_unit=" + (f" (--{self.flag})" if self.flag else "")


def time_column(
    table: SourceTable, column: str = "time", *, unit: str = "auto", name: str | None = None, flag: str | None = "data.time_unit"
) -> TimeColumn:
    """Returns how `column` of the table's view is read; with the unit "auto", text is taken for ISO dates if one of its first rows is.

    Numbers are seconds under "auto". A guess is checked by `refuse_unclear`.

    Raises:
        ValueError: there is no such unit.
    """
    if unit not in TIME_UNITS:
        raise ValueError(f"time_unit must be one of {', '.join(TIME_UNITS[:-1])} or iso, got {unit!r}")
    out = TimeColumn(column, name or column, table.types[column], "s" if unit == "auto" else unit, unit == "auto", flag)
    if not out.is_guessed or not out.is_text:
        return out
    n_iso = table.rows(f"SELECT count(*) FILTER ({out._is_iso}) FROM (SELECT {quoted(column)} FROM source LIMIT {_SAMPLE})")[0][0]
    return replace(out, unit="iso") if n_iso else out


def refuse_unclear(table: SourceTable, time: TimeColumn) -> TimeColumn:
    """Returns the column with its unit settled by all rows; what was not left at "auto" stays as it is.

    Raises:
        DataError: some values are numbers and others dates, or all are eight digits that may be dates or seconds.
    """
    if not time.is_guessed or time.is_date_type:
        return time
    column, value = quoted(time.column), value_text(quoted(time.column), time.name)
    number = f"(isfinite(TRY_CAST({column} AS DOUBLE)) AND NOT contains({column}::VARCHAR, '_'))"
    text = f"{column}::VARCHAR"
    compact = f"(regexp_full_match({text}, '{_COMPACT}') AND TRY_STRPTIME(left({text}, 8), '%Y%m%d') IS NOT NULL)"
    in_range = f"TRY_CAST({column} AS DOUBLE) BETWEEN 19700101 AND 20991231"
    n_number, n_iso, n_compact = table.rows(
        f"SELECT count(*) FILTER ({number}), count(*) FILTER ({time._is_iso}), count(*) FILTER ({compact} AND {in_range}) FROM source"
    )[0]
    if n_number and n_iso:
        rows = numbered(table, f"CASE WHEN {time._is_iso} THEN {value} || ' is a date' END", 2)
        rows += numbered(table, f"CASE WHEN {number} THEN {value} || ' is a number' END", 2)
        what = f"the {time.name} column mixes {n_number} numbers and {n_iso} ISO dates"
        forms = ", ".join(f'"{form}"' for form in TIME_UNITS[1:])
        refuse_rows(table, what, sorted(rows), n_number + n_iso, f"write all times in one form ({time._spelled} names it: {forms})")
    if n_compact and n_compact == n_number:
        rows = numbered(table, f"CASE WHEN {compact} THEN {value} || ' may be a date or a number of seconds' END", LISTED)
        what = f"the {time.name} column has {n_compact} numbers of eight digits"
        refuse_rows(table, what, rows, n_compact, f'write dates as 2026-03-01; if they are seconds, say so by {time._spelled} "s"')
    return replace(time, unit="iso" if n_iso else "s")
