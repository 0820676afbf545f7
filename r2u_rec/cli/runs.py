"""Run folders: where they are, what stands in them, and how a verb that starts from one finds its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from r2u_rec.cli.parse import UsageError, parse, settings_of
from r2u_rec.cli.settings import SETTINGS_FILE, Settings

RUNS = Path("runs")
MACHINE = ("device", "threads")
"""Settings of the machine, which may change from verb to verb."""


def folder_for(out: str | None, verb: str) -> Path:
    """Returns the folder that was asked for, or runs/VERB-<date and time>."""
    return Path(out) if out else RUNS / f"{verb}-{datetime.now():%Y%m%d-%H%M%S}"


def parse_with_run(parser: ArgumentParser, argv: Sequence[str]) -> tuple[Path, Namespace]:
    """Returns the run folder that comes first in `argv`, and the settings: the run's own, then files and flags.

    Raises:
        UsageError: no folder is named, or it is no run folder.
    """
    if {"-h", "--help"} & set(argv):
        parser.parse_args(["--help"])
    if not argv or argv[0].startswith("-"):
        raise UsageError("name the run folder first, such as runs/NAME: train and forget write them")
    run = Path(argv[0])
    if not (run / SETTINGS_FILE).is_file():
        raise UsageError(f"{run} holds no {SETTINGS_FILE}: name the folder of an earlier run")
    return run, parse(parser, argv[1:], base=run / SETTINGS_FILE)


def refuse_changed(parser: ArgumentParser, run: Path, s: Settings, sections: Sequence[str]) -> None:
    """Raises UsageError when `s` differs in one of the `sections` from the settings that the run was made with, the machine's aside."""
    told = settings_of(parse(parser, [], base=run / SETTINGS_FILE))
    for section in sections:
        before, now = asdict(getattr(told, section)), asdict(getattr(s, section))
        for name in before.keys() - set(MACHINE):
            if before[name] != now[name]:
                raise UsageError(
                    f"{section}.{name}={now[name]}, and {run} was trained with {before[name]}: leave it out, or train another run"
                )


def keys_of(users: str | None, users_file: str | None) -> list[str]:
    """Returns the user keys of --users k1,k2 and of the lines of --users_file.

    Raises:
        UsageError: neither names a key, or the file cannot be read.
    """
    keys = [key.strip() for key in (users or "").split(",")]
    if users_file is not None:
        try:
            keys += [line.strip() for line in Path(users_file).read_text().splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--users_file {users_file} cannot be read: {error}") from error
    keys = [key for key in keys if key]
    if not keys:
        raise UsageError("name users: --users KEY,KEY or --users_file FILE with one key a line")
    return list(dict.fromkeys(keys))
