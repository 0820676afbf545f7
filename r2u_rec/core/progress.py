"""A progress bar with loss and throughput, on a terminal only."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self


class Progress:
    """Shows epoch, loss and records per second while a fit runs; silent when the output is not a terminal."""

    def __init__(self, n_steps: int, label: str, shown: bool | None) -> None:
        self._shown = sys.stderr.isatty() if shown is None else shown
        self._n_steps, self._label = n_steps, label
        self._bar: Any = None
        self._since = (time.monotonic(), 0)
        self._rate = 0.0

    def __enter__(self) -> Self:
        if self._shown:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Rich

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("loss {task.fields[loss]:.4f}  {task.fields[rate]:,.0f} records/s"),
            )
            self._bar = Rich(*columns, TimeRemainingColumn(), console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task(self._label, total=self._n_steps, loss=float("nan"), rate=0.0)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def skip(self, n_steps: int) -> None:
        """Advances over steps done before an interruption."""
        if self._bar is not None:
            self._bar.advance(self._task, n_steps)

    def advance(self, loss: float, n_records: int) -> None:
        """Notes one step."""
        if self._bar is None:
            return
        begun, seen = self._since
        seen += n_records
        elapsed = time.monotonic() - begun
        if elapsed > 0.5:
            self._rate, begun, seen = seen / elapsed, time.monotonic(), 0
        self._since = (begun, seen)
        self._bar.update(self._task, advance=1, loss=loss, rate=self._rate)
