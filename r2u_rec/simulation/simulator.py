"""The simulator: it plays a stream of requests against a model under a policy, by a simulated clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from r2u_rec.core.protocols import Fitted, Method
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.evaluate.cost import measured
from r2u_rec.simulation.cost_model import CarryOut, ErasedShare, OperatorCost
from r2u_rec.simulation.operators import UNNEEDED, Operators
from r2u_rec.simulation.outcome import BatchEvent, CheckpointState, Outcome, SimulationLog, resident_bytes
from r2u_rec.simulation.policies import DAY, NONE, REPREPARE, RETRAIN, Policy
from r2u_rec.simulation.pool import RecordState
from r2u_rec.simulation.queue import Queue, regular
from r2u_rec.simulation.stream import Stream

Observe = Callable[[CheckpointState], Mapping[str, Any]]
OnBatch = Callable[[BatchEvent], Mapping[str, Any] | None]
REQUEST, PREPARING, TRAINING, CARRY_OUT, CHECKPOINT = range(5)
"""Events in the order in which they happen within one second."""


def simulate_stream(
    stream: Stream,
    policy: Policy,
    log: InteractionLog,
    task: Any,
    methods: Mapping[str, Method],
    initial: Fitted,
    *,
    costs: Mapping[str, OperatorCost],
    seed: int,
    checkpoints: Sequence[int] = (),
    observe: Observe | None = None,
    on_batch: OnBatch | None = None,
    progress: Callable[[float], None] | None = None,
    categories: str | None = None,
) -> Outcome:
    """Returns what becomes of the requests of `stream`, and of the model, under `policy`.

    One worker carries out one batch after the other, for as long as the cost model says; what is received meanwhile waits. Every
    batch takes all that waits. New interactions, and people who come back, enter the model when it is trained again, and
    everything that waits is carried out with the training. The simulation ends with the stream: what waits then is never
    finished, and nothing but a checkpoint happens at its end. Models are really edited and trained; only the clock is simulated.

    Args:
        log: all records that will ever be known. Its codes never change; the new keys of returning users get codes at the end.
        methods: operator -> method, as in `Operators`: "retrain", those that `policy` names or may choose from, and "reprepare".
        initial: fitted to the records known at the start.
        costs: operator -> modelled cost.
        seed: of the items of returning users, and of every edit and training.
        checkpoints: simulated times at which `observe` is asked for figures, after all else that happens in that second.
        on_batch: asked for figures of every batch that changes the model.
        progress: called with the share of the stream that is over, after each batch and checkpoint.
        categories: the column of the item information that requests of a category mean.

    Raises:
        SettingsError: a method or a cost is missing, `initial` stands on other records, a checkpoint lies outside the stream, or
            a figure has the name of a column.
        DataError: a request names what the log does not know.
    """
    outside = [t for t in checkpoints if not stream.start <= t <= stream.end]
    if outside:
        raise SettingsError(f"checkpoints must lie within the stream, {stream.start}..{stream.end}, got {outside[0]}")
    operators = Operators(policy, task, methods, costs, seed)
    operators.check(initial)
    pool = RecordState(log, stream, seed=seed, categories=categories)
    pool.begin_(initial.records.ids)
    return _Simulation(stream, operators, pool, initial, sorted(checkpoints), observe, on_batch, progress).run()


class _Simulation:
    """The state of one simulation. It keeps one model, and of the past only the rows of the tables."""

    def __init__(
        self,
        stream: Stream,
        operators: Operators,
        pool: RecordState,
        fitted: Fitted,
        checkpoints: Sequence[int],
        observe: Observe | None,
        on_batch: OnBatch | None,
        progress: Callable[[float], None] | None,
    ) -> None:
        self._stream, self._operators, self._pool, self._fitted = stream, operators, pool, fitted
        self._checkpoints, self._observe, self._on_batch, self._progress = checkpoints, observe, on_batch, progress
        self._policy = operators.policy
        self._queue = Queue(self._policy, stream.start)
        self._minutes = SimulationLog(self._policy.name, operators.seed)
        self._periods = {PREPARING: self._policy.reprepare_every_days, TRAINING: self._policy.retrain_every_days}
        self._next = {PREPARING: 1, TRAINING: 1}  # numbers of the next regular ones
        self._now = self._free = stream.start
        self._n_received = self._n_observed = self._n_batches = 0
        self._drift, self._n_trained = ErasedShare(0.0, self._policy.drift_budget), len(fitted.records)
        self._seconds = self._cpu_seconds = 0.0

    def run(self) -> Outcome:
        actions = {
            REQUEST: self._receive,
            PREPARING: lambda: self._train(PREPARING),
            TRAINING: lambda: self._train(TRAINING),
            CARRY_OUT: self._look,
            CHECKPOINT: self._check,
        }
        while True:
            time, what = min((self._coming(what), what) for what in actions)
            if time == math.inf:
                break
            self._now = int(time)
            actions[what]()
            if self._progress is not None and what != REQUEST:
                self._progress((self._now - self._stream.start) / (self._stream.end - self._stream.start))
        self._close()
        return self._minutes.outcome()

    def _coming(self, what: int) -> float:
        """When `what` happens next before the end (a checkpoint: at the end, too), infinity if it does not."""
        time = self._time_of(what)
        return time if time < self._stream.end or what == CHECKPOINT else math.inf

    def _time_of(self, what: int) -> float:
        if what == REQUEST:
            requests = self._stream.requests
            return requests[self._n_received].received if self._n_received < len(requests) else math.inf
        if what == CARRY_OUT:
            return self._queue.moment(self._now, self._free)
        if what == CHECKPOINT:
            return self._checkpoints[self._n_observed] if self._n_observed < len(self._checkpoints) else math.inf
        days = self._periods[what]
        return math.inf if days is None else max(regular(self._stream.start, days, self._next[what]), self._free)

    def _receive(self) -> None:
        self._queue.receive(self._stream.requests[self._n_received])
        self._n_received += 1

    def _train(self, what: int) -> None:
        for kind in {what, TRAINING}:  # a preparation is a training too
            days = self._periods[kind]
            while days is not None and regular(self._stream.start, days, self._next[kind]) <= self._now:
                self._next[kind] += 1
        self._carry_out("", False, REPREPARE if what == PREPARING else RETRAIN)

    def _look(self) -> None:
        why = self._queue.why(self._now)
        if why is None:
            self._queue.pass_round(self._now)
        else:
            self._carry_out(*why, None)

    def _carry_out(self, why: str, forced: bool, training: str | None) -> None:
        """Erases all that waits, by what the policy and the cost model say, or by the `training` that is due."""
        pool, operators, number = self._pool, self._operators, self._n_batches
        requests, due = ([], []) if self._policy.operator == NONE else self._queue.clear()
        self._queue.pass_round(self._now)
        pool.advance(self._now)
        left, gone = [], []
        for request in requests:
            left.append(pool.rows_of(request))
            gone.append(pool.erase(request, left[-1]))
        ids = np.sort(pool.log.ids[np.concatenate(gone)]) if gone else np.empty(0, dtype=np.int64)
        users = np.unique(pool.log.user[np.concatenate(gone)]) if gone else np.empty(0, dtype=np.int32)
        added = len(ids) / max(self._n_trained, 1)
        if training is None:
            plan = operators.plan(self._fitted, ids, n_users=len(users), n_available=pool.n_available, drift=self._drift, added=added)
            plan = CarryOut(plan.operator, plan.seconds, f"{why}; {plan.why}")
        else:
            plan = operators.training(training, pool.n_available)
        retrained = plan.operator in (RETRAIN, REPREPARE)
        before = self._fitted
        self._fitted, cost = measured(lambda: self._applied(plan, ids, number))
        self._seconds, self._cpu_seconds = self._seconds + cost.seconds, self._cpu_seconds + cost.cpu_seconds
        if retrained:
            self._drift, self._n_trained = ErasedShare(0.0, self._drift.budget), len(self._fitted.records)
        elif not operators.is_exact(plan.operator):
            self._drift = ErasedShare(self._drift.spent + added, self._drift.budget)
        row = {
            "batch": number,
            "time": self._now,
            "n_requests": len(requests),
            "n_users": len(np.unique(pool.log.user[np.concatenate(left)])) if left else 0,
            "n_records": sum(map(len, left)),
            "n_in_model": len(ids),
            "operator": plan.operator,
            "why": plan.why,
            "forced": forced,
            "modelled_seconds": plan.seconds,
            "seconds": cost.seconds,
            "cpu_seconds": cost.cpu_seconds,
            "n_left": len(self._fitted.records),
            "rss_bytes": resident_bytes(),
            "retrained": retrained,
            "drift_spent": self._drift.spent,
        }
        figures = None
        if self._on_batch is not None and plan.operator != UNNEEDED:
            figures = self._on_batch(BatchEvent(number, self._now, plan.operator, before, self._fitted, ids, users, retrained, pool.log))
        self._minutes.note(self._minutes.batches, row, figures)
        self._free = self._now + math.ceil(plan.seconds)
        self._n_batches += 1
        for request, at, rows in zip(requests, due, left, strict=True):
            self._note(request, at, len(rows), plan.operator, number)

    def _applied(self, plan: CarryOut, ids: Any, number: int) -> Fitted:
        if plan.operator == UNNEEDED:
            return self._fitted
        if plan.operator not in (RETRAIN, REPREPARE):
            return self._operators.forget(plan.operator, self._fitted, ids, number)
        joining = self._pool.available
        fitted = self._operators.fit(plan.operator, self._pool.records(joining), number)
        self._pool.train_(joining)
        return fitted

    def _note(self, request: Any, due: int, n_records: int, operator: str | None, number: int | None) -> None:
        """Adds the row of a request that is carried out now, or (operator None) never was."""
        finished = None if operator is None else self._free
        row = {
            "number": request.number,
            "kind": request.kind,
            "received": request.received,
            "due": due,
            "finished": finished,
            "hours": math.nan if finished is None else (finished - request.received) / 3600,
            "late": due < (self._stream.end if finished is None else finished),
            "warned": self._now >= due - self._policy.warn_days * DAY,
            "operator": operator,
            "batch": number,
            "n_records": n_records,
        }
        self._minutes.note(self._minutes.requests, row)

    def _check(self) -> None:
        self._pool.advance(self._now)
        row = {
            "time": self._now,
            "n_received": self._n_received,
            "n_erased": self._n_received - len(self._queue.waiting),
            "n_waiting": len(self._queue.waiting),
            "seconds_so_far": self._seconds,
            "cpu_seconds_so_far": self._cpu_seconds,
            "rss_bytes": resident_bytes(),
            "drift_spent": self._drift.spent,
        }
        figures = None
        if self._observe is not None:
            pool = self._pool
            args = (self._now, self._fitted, pool.log, pool.erased, pool.users_out, pool.available, len(self._queue.waiting))
            figures = self._observe(CheckpointState(*args))
        self._minutes.note(self._minutes.checkpoints, row, figures)
        self._n_observed += 1

    def _close(self) -> None:
        self._now = self._stream.end
        for request, due in zip(*self._queue.clear(), strict=True):
            self._note(request, due, 0, None, None)
