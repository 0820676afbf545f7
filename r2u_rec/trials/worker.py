"""The process that carries trials out, one after another. Imports nothing heavy before the thread limit stands."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from multiprocessing.connection import Connection
from typing import Any

from r2u_rec.errors import DownloadError
from r2u_rec.trials.kinds import Spec, trial_kind

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Reply:
    """What became of one trial.

    Attributes:
        rows: what was measured; None when it failed.
        seconds: wall time.
        error: type and message of what was raised, in one line.
        missing: whether data or weights are not to be had.
        trace: the traceback.
    """

    rows: list[dict[str, Any]] | None
    seconds: float
    error: str = ""
    missing: bool = False
    trace: str = ""


def serve(connection: Connection, threads: int) -> None:
    """Carries out the specs that come in and sends back a `Reply` each, and before it shares of the trial; until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    while True:
        try:
            spec = connection.recv()
        except EOFError:
            return
        try:
            connection.send(run_spec(spec, threads, Sparing(connection.send)))
        except (BrokenPipeError, ConnectionResetError):
            return


class Sparing:
    """Passes a share on once in `EVERY` seconds at most."""

    EVERY = 1.0

    def __init__(self, send: Callable[[float], None]) -> None:
        self._send, self._last = send, time.monotonic()

    def __call__(self, share: float) -> None:
        if time.monotonic() >= self._last + self.EVERY:
            self._send(float(share))
            self._last = time.monotonic()


def run_spec(spec: Spec, threads: int, progress: Callable[[float], None]) -> Reply:
    """Returns what the kind's function gives for the spec, or what it raised."""
    begun = time.monotonic()
    try:
        run = trial_kind(spec).load()
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(threads)
        rows = [dict(row) for row in (run(spec, progress) if len(signature(run).parameters) > 1 else run(spec))]
        return Reply(rows, time.monotonic() - begun)
    except Exception as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return Reply(None, time.monotonic() - begun, said, isinstance(error, DownloadError), traceback.format_exc())
