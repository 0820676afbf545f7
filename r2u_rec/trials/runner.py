"""Runs trials in processes of their own, stores each as it finishes, and loses none of the others when one fails."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from r2u_rec.errors import SettingsError
from r2u_rec.trials.kinds import Spec
from r2u_rec.trials.store import FOLDER, Trial, made_trial, write_trial
from r2u_rec.trials.worker import Reply, run_spec, serve

SAME_SOURCE = ("kind", "data", "model")
"""Once one trial finds that its data or weights are not to be had, those that agree with it in these keys are not tried."""


@dataclass(frozen=True)
class Failure:
    """A trial that gave no figures.

    Attributes:
        key, spec: of the trial.
        error: type and message in one line; the message of the package's own errors names the remedy.
        remedy: what to do.
        missing: data or weights are not to be had here: nothing is wrong with the program.
    """

    key: str
    spec: dict[str, Any]
    error: str
    remedy: str
    missing: bool = False


def run_trials(
    specs: Mapping[str, Spec],
    folder: Path,
    *,
    jobs: int = 2,
    threads: int = 1,
    device: str = "cpu",
    under_way: Callable[[str, float], None] | None = None,
) -> Generator[tuple[str, Trial | Failure], None, None]:
    """Carries out the specs and yields each one's key and outcome as it ends; finished ones are stored in `folder`/trials.

    Closing the iterator, or Ctrl-C, ends the processes; what was under way is lost, what had finished is kept.

    Args:
        specs: by key, as `trials.distinct` gives them; those started first stand first.
        jobs: processes. threads: processor threads of each. device: torch device, given to every trial.
        under_way: hears the key of a trial and the share of it that is over, where its kind tells.

    Raises:
        SettingsError: jobs or threads below 1.
    """
    if jobs < 1 or threads < 1:
        raise SettingsError(f"jobs and threads must be at least 1, got {jobs} and {threads}")
    waiting = list(specs.items())[::-1]
    gone: dict[tuple[Any, ...], str] = {}
    workers = [_Worker(threads) for _ in range(min(jobs, len(waiting)))]
    try:
        while waiting or any(worker.key for worker in workers):
            for worker in workers:
                while worker.key is None and waiting:
                    key, spec = waiting.pop()
                    source = tuple(spec.get(name) for name in SAME_SOURCE)
                    if source in gone:
                        yield key, _failure(key, spec, Reply(None, 0.0, gone[source], missing=True))
                    else:
                        worker.start(key, {**spec, "device": device})
            for worker in _heard(workers):
                key, reply = worker.hear()
                if isinstance(reply, float):
                    if under_way is not None:
                        under_way(key, reply)
                    continue
                spec = specs[key]
                if reply.missing:
                    gone[tuple(spec.get(name) for name in SAME_SOURCE)] = reply.error
                yield key, _stored(folder, key, spec, reply, device)
    finally:
        for worker in workers:
            worker.close()


def run_trials_here(
    specs: Mapping[str, Spec], folder: Path, *, threads: int = 1, device: str = "cpu", under_way: Callable[[str, float], None] | None = None
) -> Generator[tuple[str, Trial | Failure], None, None]:
    """Carries out the specs one after another in this process, which knows what was registered in it; otherwise as `run_trials`."""
    for key, spec in specs.items():
        reply = run_spec({**spec, "device": device}, threads, (lambda share, key=key: under_way and under_way(key, share)))  # type: ignore[misc]
        yield key, _stored(folder, key, spec, reply, device)


def _stored(folder: Path, key: str, spec: Spec, reply: Reply, device: str) -> Trial | Failure:
    trace = folder / FOLDER / f"{key}.failed.txt"
    if reply.rows is not None:
        try:
            trial = made_trial(spec, reply.rows, seconds=reply.seconds, device=device)
        except (TypeError, ValueError) as error:
            reply = Reply(None, reply.seconds, f"{type(error).__name__}: {error}")
        else:
            write_trial(folder, key, trial)
            trace.unlink(missing_ok=True)
            return trial
    if reply.trace and not reply.missing:
        trace.parent.mkdir(parents=True, exist_ok=True)
        trace.write_text(f"{dict(spec)}\n\n{reply.trace}", encoding="utf-8")
    return _failure(key, spec, reply)


def _failure(key: str, spec: Spec, reply: Reply) -> Failure:
    if reply.missing:
        remedy = "see `r2u datasets` for what can be had and from where; the trials are run once it is there"
    elif reply.trace:
        remedy = f"the traceback is in {FOLDER}/{key}.failed.txt; the same command tries again and keeps what has finished"
    else:
        remedy = "the same command tries again and keeps what has finished; with less memory to spare, use --jobs 1"
    return Failure(key, dict(spec), reply.error, remedy, reply.missing)


@contextmanager
def _without_interrupt() -> Iterator[None]:
    """Lets a process that is started here ignore Ctrl-C, which reaches the whole group, from its first moment on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Worker:
    """A process and the trial that it has in hand.

    Not pebble's pool: news of a running trial would need one queue for all workers, whose lock a killed worker keeps, and its threads
    start workers that do not ignore Ctrl-C from their first moment on.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.key: str | None = None
        self._spawn()

    def _spawn(self) -> None:
        context = multiprocessing.get_context("spawn")  # a forked child would share locks of torch's threads
        self.connection, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, self.threads))
        with _without_interrupt():
            self.process.start()
        other.close()  # so that the death of the process is the end of the pipe

    def start(self, key: str, spec: Spec) -> None:
        self.key = key
        with suppress(OSError):  # a process that is gone is found out by `hear`
            self.connection.send(dict(spec))

    def hear(self) -> tuple[str, Reply | float]:
        """Returns the trial and what became of it, or the share of it that is over; a process that died is replaced."""
        assert self.key is not None
        key = self.key
        try:
            reply: Reply | float = self.connection.recv()
        except (EOFError, OSError):
            self.process.join(5)
            code = self.process.exitcode
            self.close()
            self._spawn()
            reply = Reply(None, 0.0, f"the process of the trial ended without an answer (exit code {code})")
        if isinstance(reply, Reply):
            self.key = None
        return key, reply

    def close(self) -> None:
        """Ends the process: an idle one by itself, which gives back its semaphores, one under way at once."""
        self.connection.close()
        if self.key is None:
            self.process.join(5)
        self.process.terminate()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _heard(workers: list[_Worker]) -> list[_Worker]:
    """Waits until there is news of a trial, its end or a share, and returns the workers who have some."""
    busy: dict[Connection, _Worker] = {worker.connection: worker for worker in workers if worker.key}
    if not busy:
        return []
    ready = wait(list(busy))
    return [busy[connection] for connection in ready]  # type: ignore[index]
