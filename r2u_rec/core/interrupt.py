"""Ctrl-C that lets the running step finish."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def quiet_interrupt() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C into a flag, which the yielded function returns; a second Ctrl-C interrupts at once.

    Outside the main thread, where Python delivers no signals, the flag is never set.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    hit = False

    def note(signum: int, frame: object) -> None:
        nonlocal hit
        if hit:
            raise KeyboardInterrupt
        hit = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: hit
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)
