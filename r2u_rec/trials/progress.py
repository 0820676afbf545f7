"""How far the trials are: a bar with the time that is left on a terminal, one line a finished trial elsewhere."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TextIO

from r2u_rec.trials.kinds import Spec
from r2u_rec.trials.runner import Failure
from r2u_rec.trials.store import Trial, spec_in_words

ALIKE = (("kind", "data", "model", "arm"), ("kind", "data", "model"), ("kind",), ())
"""A trial takes about as long as finished ones that agree with it in these settings; the first group that has any decides."""

SILENCE_SECONDS = 60.0
"""So long a trial is under way before a line speaks of it, and until the next."""


class TrialProgress:
    """Shows finished and planned trials while they run.

    Args:
        planned: all specs by key. stored: those that had finished before, from which the first estimate is made.
        jobs: processes at once. stream: where it is shown; None: standard error.
    """

    def __init__(self, planned: Mapping[str, Spec], stored: Mapping[str, Trial], jobs: int, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._left = {key: spec for key, spec in planned.items() if key not in stored}
        self._n, self._jobs = len(planned), max(jobs, 1)
        self._seconds: dict[tuple[Any, ...], list[float]] = {}
        self._failed, self._told = 0, set[str]()
        self._shares: dict[str, float] = {}  # of trials under way, where they tell
        self._spoken: dict[str, float] = {}  # key -> when it was last spoken of
        self._bar: Any = None
        for trial in stored.values():
            self._learn(trial.spec, trial.seconds)

    @property
    def done(self) -> int:
        return self._n - len(self._left)

    def __enter__(self) -> Self:
        if self._stream.isatty() and self._left:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
            from rich.table import Column

            text = TextColumn("{task.fields[done]}/{task.total} trials, {task.fields[left]}")
            last = TextColumn("{task.description}", style="dim", table_column=Column(no_wrap=True, overflow="ellipsis"))
            self._bar = Progress(BarColumn(24), text, TimeElapsedColumn(), last, console=Console(file=self._stream))
            self._bar.start()
            self._task = self._bar.add_task("", total=self._n, completed=self.done, done=self.done, left=self.left())
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def ended(self, key: str, outcome: Trial | Failure) -> None:
        """Notes that a trial has finished or failed."""
        spec = self._left.pop(key)
        self._shares.pop(key, None)
        if isinstance(outcome, Trial):
            self._learn(spec, outcome.seconds)
            what = f"{outcome.seconds:.1f} s"
        else:
            self._failed += not outcome.missing
            what = f"{'not to be had' if outcome.missing else 'failed'}: {outcome.error.removeprefix('DownloadError: ')}"
        told = isinstance(outcome, Failure) and outcome.missing and outcome.error in self._told
        if isinstance(outcome, Failure):
            self._told.add(outcome.error)
        if self._bar is None:
            if not told:  # what is not to be had is said once, not for every trial that waits for it
                print(f"[{self.done}/{self._n}] {spec_in_words(spec)}: {what}", file=self._stream, flush=True)
            return
        if isinstance(outcome, Failure) and not told:
            self.say(f"{spec_in_words(spec)}: {what}")
        self._update(spec_in_words(spec))

    def under_way(self, key: str, share: float) -> None:
        """Notes which share of a trial is over; off a terminal a line says so, of each trial once a minute at most."""
        self._shares[key] = share
        what = f"{spec_in_words(self._left[key])}: {share:.0%} over"
        if self._bar is not None:
            self._update(what)
        elif time.monotonic() >= self._spoken.setdefault(key, time.monotonic()) + SILENCE_SECONDS:
            self._spoken[key] = time.monotonic()
            print(f"[{self.done}/{self._n}] {what}", file=self._stream, flush=True)

    def _update(self, what: str) -> None:
        completed = self.done + sum(self._shares.values())
        self._bar.update(self._task, completed=completed, done=self.done, description=what, left=self.left())

    def say(self, line: str) -> None:
        """Writes a line above the bar; nothing where there is none."""
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def left(self) -> str:
        """Returns in words how long the trials that are left will take, and how many have failed."""
        failed = f", {self._failed} failed" if self._failed else ""
        if not self._left:
            return f"done{failed}"
        seconds = self.estimate(self._left.values(), [1 - self._shares.get(key, 0.0) for key in self._left])
        if seconds is None:
            return f"time unknown{failed}"
        if seconds < 90:
            return f"about {max(5, 5 * round(seconds / 5))} s left{failed}"
        minutes = round(seconds / 60)
        return f"about {minutes} min left{failed}" if minutes < 100 else f"about {seconds / 3600:.1f} h left{failed}"

    def estimate(self, specs: Iterable[Spec], shares: Iterable[float] | None = None) -> float | None:
        """Returns the seconds that the specs, or the `shares` of them that are left, will take with all processes.

        None before any trial has finished.
        """
        each = [self._one(spec) for spec in specs]
        left = [1.0] * len(each) if shares is None else shares
        known = [seconds * share for seconds, share in zip(each, left, strict=True) if seconds is not None]
        return None if each and not known else sum(known) / self._jobs

    def _one(self, spec: Spec) -> float | None:
        for keys in ALIKE:
            seconds = self._seconds.get(tuple((key, str(spec.get(key))) for key in keys))
            if seconds:
                return statistics.fmean(seconds)
        return None

    def _learn(self, spec: Spec, seconds: float) -> None:
        for keys in ALIKE:
            self._seconds.setdefault(tuple((key, str(spec.get(key))) for key in keys), []).append(seconds)
