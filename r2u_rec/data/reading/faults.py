"""What is wrong with a source: one error that lists the first offending rows and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from r2u_rec.data.reading.table import Table
from r2u_rec.errors import DataError

LISTED = 5  # offending rows that a message names
LATEST = 4102444800  # 2100-01-01 UTC, in seconds: a later time is taken for milliseconds, or for a mistake
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_INTEGER = "regexp_full_match({0}, '0|-?[1-9][0-9]{{0,17}}')"  # one spelling a number: 007 and 1.0 are text
_FLOAT32 = 3.4e38  # beyond, a 32-bit float is infinite
_SMALLEST = -(2**62)  # below, a vocabulary keeps the slots of forgotten keys


def check(table: Table, time_unit: str = "s") -> tuple[int, dict[str, bool]]:
    """Reads the source once; DataError for its faults, otherwise the number of rows, and whether all user and item keys are integers.

    Faults: lines with the wrong number of fields or not UTF-8; a value that is missing, NaN, infinite or not a number;
    a time before 1970 or from 2100 on; a key that is no integer and no text.
    """
    if time_unit != "iso" and time_unit not in UNITS:
        raise ValueError(f"time_unit must be one of {', '.join(UNITS)} or iso, got {time_unit!r}")
    n_rows, integer, clean = _quick_look(table, time_unit)
    if not clean:
        _refuse_faults(table, time_unit)
    if n_rows == 0:
        raise DataError(f"{table.label} has no rows: there is nothing to read")
    return n_rows, integer


def _quick_look(table: Table, time_unit: str) -> tuple[int, dict[str, bool], bool]:
    """Number of rows, whether all keys are integers, and whether a few cheap sums prove that there is no fault."""
    sums = ["count(*)"]
    for role in ("user", "item"):
        sums.append(f"count(*) FILTER ({_INTEGER.format(role)})" if table.types[role] == "VARCHAR" else "NULL")
    numbers = [role for role in ("time", "rating") if role in table.types]
    for role in numbers:
        value = seconds_of(table.types[role], time_unit, whole=False) if role == "time" else f'TRY_CAST("{role}" AS DOUBLE)'
        odd = f"bool_or(contains(\"{role}\", '_'))" if table.types[role] == "VARCHAR" else "false"
        sums += [f"count({value})", f"min({value})", f"max({value})", odd]
    n_rows, n_user, n_item, *found = table.rows(f"SELECT {', '.join(sums)} FROM source")[0]
    integer = {role: n in (None, n_rows) for role, n in (("user", n_user), ("item", n_item))}
    clean = not table.rejects and n_user == n_rows and n_item == n_rows
    for at, role in enumerate(numbers):
        n, smallest, largest, odd = found[4 * at : 4 * at + 4]
        bounds = (0, LATEST) if role == "time" else (-_FLOAT32, _FLOAT32)
        clean = clean and n == n_rows and not odd and (n == 0 or bounds[0] <= smallest <= largest < bounds[1])  # NaN is in no bounds
    return n_rows, integer, clean


def _refuse_faults(table: Table, time_unit: str) -> None:
    """DataError for the rows with a fault, if there are any."""
    reasons = [_reason_of_key(role, table.types[role]) for role in ("user", "item")]
    if "time" in table.types:
        reasons.append(_reason_of_time(table.types["time"], time_unit))
    if "rating" in table.types:
        reasons.append(_reason_of_number("rating", table.types["rating"], f"abs({{value}}) >= {_FLOAT32}", "out of range"))
    reason = f"coalesce({', '.join(reasons)})"
    n_rows, n_bad = table.rows(f"SELECT count(*), count({reason}) FROM source")[0]
    rejects = table.rejects
    if n_bad or rejects:
        _refuse(table, reason, n_rows, n_bad, rejects)


def refuse_rows(table: Table, what: str, rows: Sequence[tuple[int, str]], n_bad: int, remedy: str) -> NoReturn:
    """Raises DataError for (row number, finding) pairs in ascending order, of `n_bad` altogether."""
    places = table.places([row for row, _ in rows])
    raise DataError(_message(table.label, what, n_bad, [f"{place}: {text}" for place, (_, text) in zip(places, rows, strict=True)], remedy))


def refuse_spellings(table: Table, role: str, keys: Sequence[str], n_keys: int) -> NoReturn:
    """Raises DataError for text keys that are the same number, as 1 and 01; `keys` are the first of `n_keys`."""
    listing = ", ".join("'" + key.replace("'", "''") + "'" for key in keys)
    found = _numbered(table, f'CASE WHEN "{role}" IN ({listing}) THEN \'{role} \' || chr(39) || "{role}" || chr(39) END')
    what = f"{n_keys} {role} keys are one number in several spellings, an integer and text at once"
    refuse_rows(table, what, found, n_keys, "write each key in one way")


def _refuse(table: Table, reason: str, n_rows: int, n_bad: int, rejects: dict[int, str]) -> NoReturn:
    rows = _numbered(table, reason)
    places = table.places([row for row, _ in rows])
    found = [(f"{place}: {text}", int(place.split()[1])) for place, (_, text) in zip(places, rows, strict=True)]
    found += [(f"line {line}: {text}", line) for line, text in rejects.items()]
    first = [text for text, _ in sorted(found, key=lambda entry: entry[1])[:LISTED]]
    n_all = n_bad + len(rejects)
    what = f"{n_all} of {n_rows + len(rejects)} rows cannot be used"
    raise DataError(_message(table.label, what, n_all, first, "correct or remove them"))


def _message(label: str, what: str, n_bad: int, first: list[str], remedy: str) -> str:
    more = "" if n_bad <= len(first) else f"\n  and {n_bad - len(first)} more"
    return f"{label}: {what}, the first:\n  " + "\n  ".join(first) + more + f"\n{remedy[0].upper()}{remedy[1:]}."


def _numbered(table: Table, reason: str) -> list[tuple[int, str]]:
    """The first rows for which the SQL text `reason` is not null, with their numbers from 0."""
    inner = f"SELECT row_number() OVER () - 1 AS row, {reason} AS reason FROM source"
    return [
        (int(row), str(text)) for row, text in table.rows(f"SELECT * FROM ({inner}) WHERE reason IS NOT NULL ORDER BY row LIMIT {LISTED}")
    ]


def _value(role: str) -> str:
    return f"'{role} ' || chr(39) || left(\"{role}\"::VARCHAR, 40) || chr(39)"


def _reason_of_key(role: str, kind: str) -> str:
    """SQL text that says what is wrong with a key, null when nothing is."""
    if kind == "VARCHAR":
        cases = f"WHEN lower(\"{role}\") = 'nan' THEN '{role} is NaN' WHEN contains(\"{role}\", chr(0)) THEN '{role} holds a NUL character'"
        missing = f'"{role}" IS NULL OR "{role}" = \'\''
    elif kind in ("DOUBLE", "FLOAT"):
        whole = f'"{role}" = floor("{role}") AND abs("{role}") < 9007199254740992'
        cases = f"WHEN isnan(\"{role}\") THEN '{role} is NaN' WHEN NOT ({whole}) THEN {_value(role)} || ' is not a whole number'"
        missing = f'"{role}" IS NULL'
    elif kind.endswith(("INT", "INTEGER")):
        cases = f'WHEN TRY_CAST("{role}" AS BIGINT) IS NULL OR "{role}" < {_SMALLEST} THEN {_value(role)} || \' does not fit 64 bits\''
        missing = f'"{role}" IS NULL'
    else:
        raise DataError(f"the {role} keys are of type {kind}, they must be integers or text: convert the column")
    return f"(CASE WHEN {missing} THEN '{role} is missing' {cases} END)"


def _reason_of_number(role: str, kind: str, outside: str, complaint: str) -> str:
    value = f'TRY_CAST("{role}" AS DOUBLE)'
    unread = f"{value} IS NULL" + (f" OR contains(\"{role}\", '_')" if kind == "VARCHAR" else "")
    missing = f'"{role}" IS NULL' + (f" OR \"{role}\" = ''" if kind == "VARCHAR" else "")
    return (
        f"(CASE WHEN {missing} THEN '{role} is missing' WHEN {unread} THEN {_value(role)} || ' is not a number' "
        f"WHEN isnan({value}) THEN '{role} is NaN' WHEN isinf({value}) THEN '{role} is infinite' "
        f"WHEN {outside.format(value=value)} THEN {_value(role)} || ' is {complaint}' END)"
    )


def _reason_of_time(kind: str, unit: str) -> str:
    if kind.startswith(("TIMESTAMP", "DATE")) or unit == "iso":
        seconds = seconds_of(kind, unit)
        read = f"WHEN {seconds} IS NULL THEN {_value('time')} || ' is no date'"
        outside = f"WHEN {seconds} < 0 OR {seconds} >= {LATEST} THEN {_value('time')} || ' is out of range (1970 to 2099)'"
        return f"(CASE WHEN \"time\" IS NULL THEN 'time is missing' {read} {outside} END)"
    outside = f"{{value}} < 0 OR {{value}} >= {LATEST * UNITS[unit]}"
    return _reason_of_number("time", kind, outside, f"out of range (1970 to 2099, in {unit}; time_unit tells another unit)")


def seconds_of(kind: str, unit: str, *, whole: bool = True) -> str:
    """SQL of the time in (whole) seconds since 1970-01-01 UTC; a date without a zone or an offset is taken for UTC."""
    if kind.startswith(("TIMESTAMP", "DATE")):
        seconds = 'epoch("time")'
    elif unit == "iso":
        seconds = 'epoch(TRY_CAST("time" AS TIMESTAMPTZ))'  # the connection's time zone is UTC
    else:
        seconds = f'TRY_CAST("time" AS DOUBLE) / {UNITS[unit]}'
    return f"CAST(floor({seconds}) AS BIGINT)" if whole else seconds
