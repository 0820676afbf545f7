"""The three frames of a simulation: their columns, how numbers are read from them, and what is refused before anything is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.errors import DataError

REQUESTS = (
    "policy", "seed", "number", "kind", "received", "due", "finished", "hours", "late", "warned", "operator", "batch", "n_records",
)  # fmt: skip
BATCHES = (
    "policy", "seed", "batch", "time", "n_requests", "n_users", "n_records", "operator", "why", "modelled_seconds", "seconds",
    "cpu_seconds", "n_left", "rss_bytes", "retrained", "drift_spent",
)  # fmt: skip
CHECKPOINTS = (
    "policy", "seed", "time", "n_received", "n_erased", "n_waiting", "cpu_seconds_so_far", "seconds_so_far", "rss_bytes", "drift_spent",
)  # fmt: skip

_TEXT = ("policy", "kind", "operator", "why")
_FLAGS = ("late", "warned", "retrained")
_WITHIN_ONE = ("auc", "adaptive_auc", "adaptive_auc_retrained", "snapshot_auc", "snapshot_baseline", "overlap", "overlap_floor")
_NOT_NEGATIVE = ("hours", "seconds", "cpu_seconds", "modelled_seconds", "cpu_seconds_so_far", "seconds_so_far", "rss_bytes", "ndcg_share")
_MAY_BE_MISSING = ("finished", "hours", "batch")

ROUNDING_SECONDS = 1.0
"""Two notes of the same moment may differ by so much: one may be rounded to whole seconds."""

ROUNDING_HOURS = 0.01


def numbers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Returns a column as float64, NaN where nothing stands; all NaN for a column that is not there."""
    if name not in frame:
        return np.full(len(frame), np.nan)
    values: NDArray[np.float64] = pd.to_numeric(frame[name]).to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def flags(frame: pd.DataFrame, name: str) -> NDArray[np.bool_]:
    """Returns a column of truth values, False where nothing stands."""
    values: NDArray[np.bool_] = frame[name].astype("boolean").fillna(False).to_numpy(dtype=bool)
    return values


def missed(requests: pd.DataFrame, end: int) -> NDArray[np.bool_]:
    """Returns which requests missed their deadline: carried out late, or not at all although the deadline lies before `end`."""
    never = np.isnan(numbers(requests, "finished"))
    return flags(requests, "late") | (never & (numbers(requests, "due") < end))


def check_frames(
    requests: pd.DataFrame, batches: pd.DataFrame, checkpoints: pd.DataFrame, *, policies: Sequence[str], start: int, end: int
) -> None:
    """Refuses frames that would make a false table.

    Raises:
        DataError: columns, policies, seeds or rows are missing or contradict each other; the message names the first place.
    """
    frames = {"requests": (requests, REQUESTS), "batches": (batches, BATCHES), "checkpoints": (checkpoints, CHECKPOINTS)}
    for name, (frame, columns) in frames.items():
        lacking = [column for column in columns if column not in frame]
        if lacking:
            raise DataError(f"{name} lacks the columns {', '.join(lacking)}: give the frames as the simulator returns them")
        unknown = sorted(set(frame["policy"]) - set(policies))
        if unknown:
            raise DataError(
                f"{name} names the policy {unknown[0]!r}, policies knows only {', '.join(policies)}: describe each policy there"
            )
        _numbers_hold(name, frame)
    for name in ("requests", "checkpoints"):
        if frames[name][0].empty:
            raise DataError(f"{name} has no rows: simulate a stream with at least one request and one checkpoint")
    _same_for_all("requests", requests, policies, ["number", "received", "due"], "replay the same stream under every policy")
    _same_for_all("checkpoints", checkpoints, policies, ["time", "n_received"], "measure every policy at the same times")
    if set(requests["seed"]) != set(checkpoints["seed"]) or not set(batches["seed"]) <= set(requests["seed"]):
        shown = "; ".join(f"{name} {sorted(map(int, set(frame['seed'])))}" for name, (frame, _) in frames.items())
        raise DataError(f"the frames have different seeds ({shown}): put those of the same simulation together")
    _times_hold(requests, checkpoints, start, end)
    _compute_holds(batches, checkpoints)


def _numbers_hold(name: str, frame: pd.DataFrame) -> None:
    for column in frame.columns:
        if column in _TEXT or column in _FLAGS or (column not in {*REQUESTS, *BATCHES, *CHECKPOINTS} and column not in _WITHIN_ONE):
            continue
        try:
            values = numbers(frame, column)
        except (ValueError, TypeError):
            raise DataError(f"{name}.{column} must hold numbers, got {frame[column].iloc[0]!r} among others: convert it") from None
        required = column in {*REQUESTS, *BATCHES, *CHECKPOINTS} and column not in _MAY_BE_MISSING
        if required and np.isnan(values).any():
            at = int(np.flatnonzero(np.isnan(values))[0])
            raise DataError(f"{name}.{column} is missing in row {at} ({_who(frame, at)}): only {', '.join(_MAY_BE_MISSING)} may be")
        low, high = 0.0 if column in (*_WITHIN_ONE, *_NOT_NEGATIVE) else -np.inf, 1.0 if column in _WITHIN_ONE else np.inf
        wrong = np.flatnonzero((values < low) | (values > high))
        if wrong.size:
            at, bound = int(wrong[0]), "lie in [0, 1]" if high == 1.0 else "be at least 0"
            raise DataError(f"{name}.{column} must {bound}, got {values[at]:g} in row {at} ({_who(frame, at)}): measure it again")


def _who(frame: pd.DataFrame, at: int) -> str:
    return f"policy {frame['policy'].iloc[at]!r}, seed {frame['seed'].iloc[at]}"


def _same_for_all(name: str, frame: pd.DataFrame, policies: Sequence[str], keys: list[str], remedy: str) -> None:
    """Every policy has the same rows, seed by seed, each once."""
    values = np.column_stack([numbers(frame, key) for key in keys])  # (n, keys)
    places = frame.groupby(["policy", "seed"], sort=False).indices
    for seed in sorted(frame["seed"].unique()):
        first: NDArray[np.float64] | None = None
        for policy in policies:
            who = f"{name} of policy {policy!r}, seed {seed}"
            mine = values[places.get((policy, seed), np.empty(0, dtype=np.int64))]
            mine = mine[np.argsort(mine[:, 0], kind="stable")]
            twice = mine[1:][np.diff(mine[:, 0]) == 0]
            if len(twice):
                raise DataError(f"{who} holds {keys[0]} {twice[0, 0]:.0f} twice: put each row in once")
            first = mine if first is None else first
            if len(mine) != len(first):
                raise DataError(f"{who} has {len(mine)} rows, {policies[0]!r} has {len(first)}: {remedy}")
            differ = [key for key, same in zip(keys, (mine == first).all(axis=0), strict=True) if not same]
            if differ:
                raise DataError(f"{who} differ from those of {policies[0]!r} in {' and '.join(differ)}: {remedy}")


def _times_hold(requests: pd.DataFrame, checkpoints: pd.DataFrame, start: int, end: int) -> None:
    received, due, finished, hours = (numbers(requests, name) for name in ("received", "due", "finished", "hours"))
    times = numbers(checkpoints, "time")
    late = flags(requests, "late")
    faults = (
        (requests, (received < start) | (received >= end), "was received outside [start, end)", "give the bounds of the stream"),
        (checkpoints, (times < start) | (times > end), "stands outside [start, end]", "give the bounds of the stream"),
        (requests, finished < received - ROUNDING_SECONDS, "was finished before it was received", "look for the fault in the simulator"),
        (
            requests,
            np.abs(hours - (finished - received) / 3600) > ROUNDING_HOURS,
            "has other hours than lie between received and finished",
            "count hours from receipt to finish",
        ),
        (requests, np.isnan(hours) != np.isnan(finished), "has only one of hours and finished", "give both, or neither if it never was"),
        (
            requests,
            (late & (finished <= due - ROUNDING_SECONDS)) | (~late & (finished > due + ROUNDING_SECONDS)),
            "is marked late, or not, against its due and finished times",
            "late means finished after due",
        ),
    )
    for frame, wrong, what, remedy in faults:
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            row = f"request {frame['number'].iloc[at]}" if "number" in frame else f"the checkpoint at {frame['time'].iloc[at]}"
            raise DataError(f"{row} of {_who(frame, at)} {what} ({int(wrong.sum())} such): {remedy}")


def _compute_holds(batches: pd.DataFrame, checkpoints: pd.DataFrame) -> None:
    """No checkpoint may count more seconds than stand in the batches, or the table would show too little."""
    totals = batches.groupby(["policy", "seed"])["cpu_seconds"].sum().to_dict()
    for (policy, seed), so_far in checkpoints.groupby(["policy", "seed"], sort=False)["cpu_seconds_so_far"].max().items():
        total = float(totals.get((policy, seed), 0.0))
        if so_far > 1.01 * total + 1.0:
            raise DataError(
                f"checkpoints of policy {policy!r}, seed {seed} count {so_far:.1f} CPU seconds, its batches only {total:.1f}: "
                "every piece of work must stand in a batch"
            )
