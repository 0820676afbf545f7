"""What is wrong with a source: one error that lists the first offending rows and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from r2u_rec.data.reading.refusal import LISTED, message, numbered, refuse_rows, value_text
from r2u_rec.data.reading.table import SourceTable
from r2u_rec.data.reading.times import LATEST, TimeColumn, refuse_unclear, time_column
from r2u_rec.errors import DataError

_INTEGER = "regexp_full_match({0}, '0|-?[1-9][0-9]{{0,17}}|[1-8][0-9]{{18}}')"  # one spelling a number: 007 and 1.0 are text
_FLOAT32 = 3.4e38  # beyond, a 32-bit float is infinite
_SMALLEST = -(2**62)  # below, a vocabulary keeps the slots of forgotten keys
_COMPACT_DATES = (19700101, 20991231)  # numbers in these bounds may be dates without hyphens


@dataclass(frozen=True)
class Checked:
    """Contents of a source without faults.

    Attributes:
        n_rows: its rows.
        integer: by role "user" and "item", whether all keys are integers.
        time: how its time column is read, or None.
    """

    n_rows: int
    integer: dict[str, bool]
    time: TimeColumn | None


def check(table: SourceTable, time_unit: str = "auto") -> Checked:
    """Reads the source once; DataError for its faults.

    Faults: lines with the wrong number of fields or not UTF-8; a value that is missing, NaN, infinite or not a number;
    a time before 1970 or from 2100 on, or times in more than one form; a key that is no integer and no text.
    """
    time = time_column(table, unit=time_unit) if "time" in table.types else None
    n_rows, integer, clean, unclear = _quick_look(table, time)
    if not clean or unclear:
        time = None if time is None else refuse_unclear(table, time)
    if not clean:
        _refuse_faults(table, time)
    if n_rows == 0:
        raise DataError(f"{table.label} has no rows: there is nothing to read")
    return Checked(n_rows, integer, time)


def _quick_look(table: SourceTable, time: TimeColumn | None) -> tuple[int, dict[str, bool], bool, bool]:
    """Rows, whether all keys are integers, whether a few sums prove that there is no fault, and whether the times may be dates."""
    sums = ["count(*)"]
    for role in ("user", "item"):
        sums.append(f"count(*) FILTER ({_INTEGER.format(role)})" if table.types[role] == "VARCHAR" else "NULL")
    bounds: list[tuple[float, float]] = []
    if time is not None:
        value = time.seconds(whole=False)
        sums += [f"count({value})", f"min({value})", f"max({value})", f"bool_or({time.is_odd()})"]
        bounds.append((0, LATEST))
    if "rating" in table.types:
        value = 'TRY_CAST("rating" AS DOUBLE)'
        odd = "contains(\"rating\", '_')" if table.types["rating"] == "VARCHAR" else f"isnan({value})"
        sums += [f"count({value})", f"min({value})", f"max({value})", f"bool_or({odd})"]
        bounds.append((-_FLOAT32, _FLOAT32))
    n_rows, n_user, n_item, *found = table.rows(f"SELECT {', '.join(sums)} FROM source")[0]
    integer = {role: n in (None, n_rows) for role, n in (("user", n_user), ("item", n_item))}
    clean = not table.rejects and n_user == n_rows and n_item == n_rows
    for at, (low, high) in enumerate(bounds):
        n, smallest, largest, odd = found[4 * at : 4 * at + 4]
        clean = clean and n == n_rows and not odd and (n == 0 or low <= smallest <= largest < high)  # NaN is in no bounds
    guessed = time is not None and time.is_guessed and not time.is_date_type and time.unit == "s" and bool(found[0])
    unclear = guessed and _COMPACT_DATES[0] <= found[1] and found[2] <= _COMPACT_DATES[1]
    return int(n_rows), integer, clean, unclear


def _refuse_faults(table: SourceTable, time: TimeColumn | None) -> None:
    """DataError for the rows with a fault, if there are any."""
    findings = [_finding_of_key(role, table.types[role]) for role in ("user", "item")]
    if time is not None:
        findings.append(time.finding())
    if "rating" in table.types:
        findings.append(_finding_of_rating(table.types["rating"]))
    finding = f"coalesce({', '.join(findings)})"
    n_rows, n_bad = table.rows(f"SELECT count(*), count({finding}) FROM source")[0]
    rejects = table.rejects
    if n_bad or rejects:
        _refuse(table, finding, n_rows, n_bad, rejects)


def refuse_spellings(table: SourceTable, role: str, keys: Sequence[str], n_keys: int) -> NoReturn:
    """Raises DataError for text keys that are the same number, as 1 and 01; `keys` are the first of `n_keys`."""
    listing = ", ".join("'" + key.replace("'", "''") + "'" for key in keys)
    found = numbered(table, f'CASE WHEN "{role}" IN ({listing}) THEN \'{role} \' || chr(39) || "{role}" || chr(39) END')
    what = f"{n_keys} {role} keys are one number in several spellings, an integer and text at once"
    refuse_rows(table, what, found, n_keys, "write each key in one way")


def _refuse(table: SourceTable, finding: str, n_rows: int, n_bad: int, rejects: dict[int, str]) -> NoReturn:
    rows = numbered(table, finding)
    places = table.places([row for row, _ in rows])
    found = [(f"{place}: {text}", int(place.split()[1])) for place, (_, text) in zip(places, rows, strict=True)]
    found += [(f"line {line}: {text}", line) for line, text in rejects.items()]
    first = [text for text, _ in sorted(found, key=lambda entry: entry[1])[:LISTED]]
    n_all = n_bad + len(rejects)
    what = f"{n_all} of {n_rows + len(rejects)} rows cannot be used"
    raise DataError(message(table.label, what, n_all, first, "correct or remove them"))


def _finding_of_key(role: str, kind: str) -> str:
    """SQL text that says what is wrong with a key, null when nothing is."""
    value = value_text(f'"{role}"', role)
    if kind == "VARCHAR":
        cases = f"WHEN lower(\"{role}\") = 'nan' THEN '{role} is NaN' WHEN contains(\"{role}\", chr(0)) THEN '{role} holds a NUL character'"
        missing = f'"{role}" IS NULL OR "{role}" = \'\''
    elif kind in ("DOUBLE", "FLOAT"):
        whole = f'"{role}" = floor("{role}") AND abs("{role}") < 9007199254740992'
        cases = f"WHEN isnan(\"{role}\") THEN '{role} is NaN' WHEN NOT ({whole}) THEN {value} || ' is not a whole number'"
        missing = f'"{role}" IS NULL'
    elif kind.endswith(("INT", "INTEGER")):
        cases = f'WHEN TRY_CAST("{role}" AS BIGINT) IS NULL OR "{role}" < {_SMALLEST} THEN {value} || \' does not fit 64 bits\''
        missing = f'"{role}" IS NULL'
    else:
        raise DataError(f"the {role} keys are of type {kind}, they must be integers or text: convert the column")
    return f"(CASE WHEN {missing} THEN '{role} is missing' {cases} END)"


def _finding_of_rating(kind: str) -> str:
    number, value = 'TRY_CAST("rating" AS DOUBLE)', value_text('"rating"', "rating")
    unread = f"{number} IS NULL" + (" OR contains(\"rating\", '_')" if kind == "VARCHAR" else "")
    missing = '"rating" IS NULL' + (" OR \"rating\" = ''" if kind == "VARCHAR" else "")
    return (
        f"(CASE WHEN {missing} THEN 'rating is missing' WHEN {unread} THEN {value} || ' is not a number' "
        f"WHEN isnan({number}) THEN 'rating is NaN' WHEN isinf({number}) THEN 'rating is infinite' "
        f"WHEN abs({number}) >= {_FLOAT32} THEN {value} || ' is out of range' END)"
    )
