"""Results of a simulation: a table of requests, one of batches, one of checkpoints."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids

MEASURED = ("seconds", "cpu_seconds", "seconds_so_far", "cpu_seconds_so_far", "rss_bytes")
"""Columns that differ from run to run; all others are the same for the same seed."""

REQUESTS: dict[str, str] = {
    "policy": "str",
    "seed": "int64",
    "number": "int64",
    "kind": "str",
    "received": "int64",
    "due": "int64",
    "finished": "Int64",
    "hours": "float64",
    "late": "bool",
    "warned": "bool",
    "operator": "str",
    "batch": "Int64",
    "n_records": "int64",
}
BATCHES: dict[str, str] = {
    "policy": "str",
    "seed": "int64",
    "batch": "int64",
    "time": "int64",
    "n_requests": "int64",
    "n_users": "int64",
    "n_records": "int64",
    "n_in_model": "int64",
    "operator": "str",
    "why": "str",
    "forced": "bool",
    "modelled_seconds": "float64",
    "seconds": "float64",
    "cpu_seconds": "float64",
    "n_left": "int64",
    "rss_bytes": "int64",
    "retrained": "bool",
    "drift_spent": "float64",
}
CHECKPOINTS: dict[str, str] = {
    "policy": "str",
    "seed": "int64",
    "time": "int64",
    "n_received": "int64",
    "n_erased": "int64",
    "n_waiting": "int64",
    "seconds_so_far": "float64",
    "cpu_seconds_so_far": "float64",
    "rss_bytes": "int64",
    "drift_spent": "float64",
}


@dataclass(frozen=True, eq=False)
class CheckpointState:
    """The state at a checkpoint, for its observer.

    Attributes:
        time: simulated.
        fitted: the model that serves now, and the records it stands on.
        log: the full log, records of returning users at the end; user and item codes are those of the model.
        erased: ids of the records erased until now, ascending. erased_users: codes of the users who were erased as a whole.
        available: ids that a model trained now would stand on, of what has arrived meanwhile too.
        n_waiting: requests received and not carried out.
    """

    time: int
    fitted: Fitted
    log: InteractionLog
    erased: Ids
    erased_users: Any
    available: Ids
    n_waiting: int


@dataclass(frozen=True, eq=False)
class BatchEvent:
    """A batch that was carried out: two snapshots of the model, before and after.

    Attributes:
        number: of the batch. time: of the decision, simulated. operator: as in the table.
        ids: the records that left the model. users: codes of the users behind them, ascending.
        retrained: whether the model was trained again; it may then stand on new records too.
        log: as in `CheckpointState`.
    """

    number: int
    time: int
    operator: str
    before: Fitted
    after: Fitted
    ids: Ids
    users: Any
    retrained: bool
    log: InteractionLog


@dataclass(frozen=True, eq=False)
class Outcome:
    """Tables of one simulation.

    requests: one row a request. `finished` is the time of the decision plus modelled seconds, missing if it was never carried
        out before the end; `hours` is the time from receipt until then; `late` also if it is still waiting past its due time;
        `n_records` it erased, from the model or from what waited to be trained on.
    batches: one row a carry-out or training, also one that found nothing to erase in the model (operator "unneeded").
        `n_users` are behind the records that left, of which `n_in_model` were in the model; `n_left` are in it afterwards; `forced`
        says that only the deadline called for it.
    checkpoints: one row a checkpoint; requests by n_received = n_erased + n_waiting, and the figures of who observes.
    """

    requests: pd.DataFrame
    batches: pd.DataFrame
    checkpoints: pd.DataFrame


@dataclass
class SimulationLog:
    """The rows of an outcome while they come in; every row begins with policy and seed."""

    policy: str
    seed: int
    requests: list[dict[str, Any]] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)

    def note(self, rows: list[dict[str, Any]], row: Mapping[str, Any], figures: Mapping[str, Any] | None = None) -> None:
        """Adds a row and the figures beside it; SettingsError when a figure has the name of a column."""
        whole = {"policy": self.policy, "seed": self.seed, **row}
        for name in figures or {}:
            if name in whole:
                raise SettingsError(f"a figure is called {name!r}, as a column of the table is: give it another name")
        rows.append(whole | dict(figures or {}))

    def outcome(self) -> Outcome:
        """Returns the tables, requests in order of their numbers."""
        requests = sorted(self.requests, key=lambda row: int(row["number"]))
        return Outcome(_frame(requests, REQUESTS), _frame(self.batches, BATCHES), _frame(self.checkpoints, CHECKPOINTS))


def joined_outcomes(outcomes: Iterable[Outcome]) -> Outcome:
    """Returns the tables of several simulations, one below the other; figures that one of them lacks are missing there."""
    parts = list(outcomes)
    if not parts:
        raise ValueError("there are 0 outcomes to join: simulate something first")
    requests, batches, checkpoints = ([getattr(part, name) for part in parts] for name in ("requests", "batches", "checkpoints"))
    return replace(
        parts[0],
        requests=pd.concat(requests, ignore_index=True),
        batches=pd.concat(batches, ignore_index=True),
        checkpoints=pd.concat(checkpoints, ignore_index=True),
    )


def resident_bytes() -> int:
    """Returns the memory that the process holds now; its peak where the system does not tell (0 if not even that)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return _peak_bytes()
    import resource

    return pages * resource.getpagesize()


def _peak_bytes() -> int:
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _frame(rows: list[dict[str, Any]], types: dict[str, str]) -> pd.DataFrame:
    figures = list(dict.fromkeys(name for row in rows for name in row if name not in types))
    return pd.DataFrame(rows, columns=[*types, *figures]).astype(types)
