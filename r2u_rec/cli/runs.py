"""Run folders: where they are, and the keys and settings that a verb takes from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from r2u_rec.config.errors import UsageError
from r2u_rec.config.parse import Given

RUNS = Path("runs")


def folder_for(out: str | None, verb: str) -> Path:
    """Returns the folder that was asked for, or runs/VERB-<date and time>."""
    return Path(out) if out else RUNS / f"{verb}-{datetime.now():%Y%m%d-%H%M%S}"


def refuse_changed(given: Given, sections: Sequence[str], verb: str) -> None:
    """Raises UsageError for a flag that would change what the run was made with.

    Args:
        sections: that the verb takes from the run folder, not from flags; "training.device" and "training.threads" may change.
    """
    for key in sorted(given.set_keys):
        if key.split(".")[0] in sections and key not in ("training.device", "training.threads"):
            raise UsageError(f"{verb} takes {key} from {given.run}, as it was trained: leave --{key} out, or train another run")


def keys_of(users: str | None, users_file: str | None) -> list[str]:
    """Returns the user keys of --users k1,k2 and of the lines of --users_file, each as it is written.

    Raises:
        UsageError: neither names a key, or the file cannot be read.
    """
    keys = users.split(",") if users else []
    if users_file is not None:
        try:
            text = Path(users_file).read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--users_file {users_file} cannot be read: {error}") from error
        keys += text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    keys = [key for key in keys if key]
    if not keys:
        raise UsageError("name users: --users KEY,KEY or --users_file FILE with one key a line")
    return list(dict.fromkeys(keys))


def pairs_of(path: str) -> list[tuple[str, str]]:
    """Returns the pairs (user, item) of a CSV with these columns, every field as it is written: NA, null and leading zeros are keys.

    Raises:
        UsageError: the file cannot be read, a column is missing, or it has no row.
    """
    import csv
    import io

    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"--interactions_file {path} cannot be read as CSV: {error}") from error
    head = rows[0] if rows else []
    if missing := [name for name in ("user", "item") if name not in head]:
        raise UsageError(f"--interactions_file {path} needs the columns user and item, it lacks {' and '.join(missing)}")
    user, item = head.index("user"), head.index("item")
    short = [number for number, row in enumerate(rows[1:], start=2) if row and len(row) != len(head)]
    if short:
        raise UsageError(f"--interactions_file {path}: line {short[0]} has another number of fields than the header")
    found = [(row[user], row[item]) for row in rows[1:] if row]
    if not found:
        raise UsageError(f"--interactions_file {path} has no row below its header: name one interaction or more")
    return found
