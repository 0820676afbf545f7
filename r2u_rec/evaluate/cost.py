"""What an action costs in time, memory and bytes read."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_IO, _STATUS = Path("/proc/self/io"), Path("/proc/self/status")


@dataclass(frozen=True)
class Cost:
    """What one action took.

    Attributes:
        seconds: wall time. cpu_seconds: of all threads of this process.
        peak_bytes: how far the action raised the process's peak of resident memory; 0 = it stayed below an earlier
            peak, so measure memory in a fresh process.
        bytes_read: bytes read from files by this process; None where the system does not count them.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    bytes_read: int | None


def measured(action: Callable[[], T]) -> tuple[T, Cost]:
    """Runs `action` and returns what it returned, and what it cost; an exception passes through."""
    peak, read, cpu, start = _peak_bytes(), _bytes_read(), time.process_time(), time.perf_counter()
    outcome = action()
    seconds, cpu_seconds, read_after = time.perf_counter() - start, time.process_time() - cpu, _bytes_read()
    return outcome, Cost(
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        peak_bytes=_peak_bytes() - peak,
        bytes_read=None if read is None or read_after is None else read_after - read,
    )


def _peak_bytes() -> int:
    try:  # the process's own peak; ru_maxrss also holds that of the process which started this one
        return 1024 * _number(_STATUS.read_text(), "VmHWM:")
    except (OSError, ValueError):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes on Linux, bytes on macOS


def _bytes_read() -> int | None:
    try:
        return _number(_IO.read_text(), "rchar:")
    except (OSError, ValueError):
        return None


def _number(text: str, name: str) -> int:
    """Returns the number that follows `name` at the start of a line; ValueError when there is none."""
    for line in text.splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise ValueError(f"no line starts with {name}")
