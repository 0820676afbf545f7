"""fit_: the only optimisation loop. Every way to train differs only in the step that it hands to it."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from r2u_rec.core.checkpoint import fingerprint, read_checkpoint, write_checkpoint
from r2u_rec.core.progress import Progress
from r2u_rec.core.rowwise import RowwiseAdam
from r2u_rec.core.step import Observes, Stateful, Step, StepInput
from r2u_rec.core.strategies import standard
from r2u_rec.errors import DivergenceError, SettingsError
from r2u_rec.rng import stream


@dataclass(frozen=True)
class Training:
    """Settings of the loop.

    Attributes:
        epochs: passes over the records, >= 1.
        batch_size: records a step.
        lr: learning rate at the start.
        optimizer: "adam" (row by row on sparse tables), "adamw" or "sgd".
        weight_decay: of "adamw" and "sgd"; models with tables penalise the rows of a batch in their task instead.
        schedule: "constant", or "linear": lr * (1 - epoch / epochs).
        average_share: share of the epochs, the last ones, whose end points are averaged into the result; 0 for none.
        accumulate: batches gathered into one optimiser step.
        validate_every: epochs between validations.
        patience: validations without a new best before stopping, the best state is then restored; None never stops early.
        checkpoint_seconds: seconds between checkpoints, when a place for one is given.
        device: torch device name. precision: "float32" or "bfloat16" (autocast).
    """

    epochs: int = 20
    batch_size: int = 1024
    lr: float = 1e-3
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    weight_decay: float = 0.0
    schedule: Literal["constant", "linear"] = "constant"
    average_share: float = 0.0
    accumulate: int = 1
    validate_every: int = 1
    patience: int | None = None
    checkpoint_seconds: float = 60.0
    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "validate_every"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be >= 1, got {getattr(self, name)}")
        if not self.lr > 0:
            raise SettingsError(f"lr must be > 0, got {self.lr}")
        if not 0 <= self.average_share <= 1:
            raise SettingsError(f"average_share must lie in [0, 1], got {self.average_share}")
        if self.patience is not None and self.patience < 1:
            raise SettingsError(f"patience must be >= 1 or None, got {self.patience}")


@dataclass
class History:
    """What happened: one row an epoch (epoch, seconds, records_per_second, the mean of each term, validation)."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    stopped: Literal["completed", "early"] = "completed"
    steps: int = 0

    @property
    def seconds(self) -> float:
        return sum(row["seconds"] for row in self.epochs)


@dataclass
class _State:
    """Where the loop stands; everything that a checkpoint must hold beside model and optimiser."""

    epoch: int = 0
    index: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    best: float = -math.inf
    bad: int = 0
    best_model: dict[str, Any] | None = None


def fit_(
    model: nn.Module,
    task: Any,
    records: Any,
    *,
    training: Training,
    seed: int,
    step: Step = standard,
    validate: Callable[[nn.Module], float] | None = None,
    checkpoint: Path | None = None,
    callbacks: Sequence[Callable[[int, nn.Module, dict[str, float]], None]] = (),
    progress: bool | None = None,
    label: str = "training",
) -> History:
    """Trains `model` in place and returns what happened.

    The same seed gives the same bytes, interrupted or not: each epoch's order and each step's randomness are streams
    of (seed, epoch, step), so a checkpoint needs no generator state. On Ctrl-C the running step is finished, the
    checkpoint is written, and KeyboardInterrupt is raised; a later call with the same arguments goes on from there.
    A finished fit deletes its checkpoint: it would outlive the records it was computed from.

    Args:
        model: trained in place; left in eval mode, on `training.device`, without gradients.
        step: adds gradients and returns terms; see `core.strategies` and `core.ready2unlearn`.
        validate: model -> value, higher is better; called with the averaged weights once averaging has begun.
        checkpoint: file for checkpoints; resumed from when it is there.
        callbacks: called after each epoch with (epoch, model, the epoch's row).
        progress: show a progress bar; None shows it on a terminal only.

    Raises:
        DivergenceError: a term or a gradient step is not finite; names epoch, step and term.
        SettingsError: no records, patience without validate, or a checkpoint of another run.
        KeyboardInterrupt: after the checkpoint was written.
    """
    if len(records) == 0:
        raise SettingsError("there are 0 records to train on: check the filter or the split")
    if training.patience is not None and validate is None:
        raise SettingsError(f"patience={training.patience} needs validate: pass a function of the model, or patience=None")
    device = torch.device(training.device)
    model.to(device)
    optimizer = _optimizer(model, training)
    average_from = training.epochs - round(training.average_share * training.epochs)
    average = AveragedModel(model) if average_from < training.epochs else None
    history, at = History(), _State()
    mark = fingerprint(training, seed, records.ids)
    if checkpoint is not None and checkpoint.exists():
        _load(read_checkpoint(checkpoint, mark), model, optimizer, average, step, history, at)
    saved = time.monotonic()

    def save() -> None:
        if checkpoint is not None:
            write_checkpoint(checkpoint, mark, _dump(model, optimizer, average, step, history, at))

    n_steps = math.ceil(len(records) / training.batch_size)
    with Progress(training.epochs * n_steps, len(records), label, progress) as bar, _quiet_interrupt() as interrupted, torch.random.fork_rng([]):
        bar.skip(at.epoch * n_steps + at.index)
        while at.epoch < training.epochs:
            _set_lr(optimizer, training, at.epoch)
            order = stream(seed, "order", at.epoch).permutation(records.ids)
            model.train()
            while at.index < n_steps:
                begun = time.perf_counter()
                ids = order[at.index * training.batch_size : (at.index + 1) * training.batch_size]
                rng = stream(seed, "step", at.epoch, at.index)
                torch.manual_seed(int(rng.integers(2**62)))
                given = StepInput(model, task, records, ids, rng, at.epoch, training.epochs, at.index, device)
                with _autocast(training, device):
                    terms = step(given)
                values = {name: float(value) for name, value in terms.items()}
                for name, value in values.items():
                    if not math.isfinite(value):
                        raise DivergenceError(
                            f"term {name!r} is {value} at epoch {at.epoch}, step {at.index} (lr {training.lr:g}): lower the learning rate "
                            "or bound the term; the model is not usable"
                        )
                    at.sums[name] = at.sums.get(name, 0.0) + value
                    at.counts[name] = at.counts.get(name, 0) + 1
                at.index += 1
                history.steps += 1
                if at.index % training.accumulate == 0 or at.index == n_steps:
                    _apply(model, optimizer, (at.index - 1) % training.accumulate + 1)
                at.seconds += time.perf_counter() - begun
                bar.advance(values.get("loss", math.nan), len(ids))
                whole_step = at.index % training.accumulate == 0 or at.index == n_steps
                if interrupted() and whole_step:
                    save()
                    raise KeyboardInterrupt(f"stopped at epoch {at.epoch}, step {at.index}" + (f"; resume from {checkpoint}" if checkpoint else ""))
                if checkpoint is not None and whole_step and time.monotonic() - saved > training.checkpoint_seconds:
                    save()
                    saved = time.monotonic()
            row = {"epoch": float(at.epoch), "seconds": at.seconds, "records_per_second": len(records) / max(at.seconds, 1e-9)}
            row |= {name: at.sums[name] / at.counts[name] for name in at.sums}
            at.epoch, at.index, at.sums, at.counts, at.seconds = at.epoch + 1, 0, {}, {}, 0.0
            if average is not None and at.epoch > average_from:
                average.update_parameters(model)
            history.epochs.append(row)
            judged = model if average is None or at.epoch <= average_from else average.module
            if validate is not None and at.epoch % training.validate_every == 0:
                judged.eval()
                row["validation"] = float(validate(judged))
                if isinstance(step, Observes):
                    step.observe(row["validation"])
                if row["validation"] > at.best:
                    at.best, at.bad = row["validation"], 0
                    if training.patience is not None:
                        at.best_model = {k: v.detach().clone() for k, v in judged.state_dict().items()}
                else:
                    at.bad += 1
            for callback in callbacks:
                callback(at.epoch - 1, judged, row)
            if training.patience is not None and at.bad >= training.patience:
                history.stopped = "early"
                break
    if at.best_model is not None:
        model.load_state_dict(at.best_model)
    elif average is not None:
        model.load_state_dict(average.module.state_dict())
    optimizer.zero_grad(set_to_none=True)
    model.eval()
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return history


def _optimizer(model: nn.Module, training: Training) -> torch.optim.Optimizer:
    parameters = [p for p in model.parameters() if p.requires_grad]
    if training.optimizer == "adam":
        return RowwiseAdam(parameters, lr=training.lr)
    if training.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=training.lr, weight_decay=training.weight_decay)
    if training.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=training.lr, weight_decay=training.weight_decay)
    raise SettingsError(f"optimizer must be 'adam', 'adamw' or 'sgd', got {training.optimizer!r}")


def _set_lr(optimizer: torch.optim.Optimizer, training: Training, epoch: int) -> None:
    lr = training.lr * (1 - epoch / training.epochs) if training.schedule == "linear" else training.lr
    for group in optimizer.param_groups:
        group["lr"] = lr


def _apply(model: nn.Module, optimizer: torch.optim.Optimizer, n_batches: int) -> None:
    if n_batches > 1:
        for p in model.parameters():
            if p.grad is not None:
                p.grad.div_(n_batches)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _autocast(training: Training, device: torch.device) -> Any:
    return torch.autocast(device.type, torch.bfloat16) if training.precision == "bfloat16" else nullcontext()


@contextmanager
def _quiet_interrupt() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C into a flag, so that a step is never cut in half; a second one interrupts at once."""
    hit = False
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def note(signum: int, frame: Any) -> None:
        nonlocal hit
        if hit:
            raise KeyboardInterrupt
        hit = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: hit
    finally:
        signal.signal(signal.SIGINT, before)


def _dump(model: nn.Module, optimizer: torch.optim.Optimizer, average: AveragedModel | None, step: Step, history: History, at: _State) -> dict[str, Any]:
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "average": None if average is None else average.state_dict(),
        "step": step.state_dict() if isinstance(step, Stateful) else None,
        "history": {"epochs": history.epochs, "steps": history.steps},
        "at": dict(at.__dict__),
    }


def _load(
    saved: dict[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer, average: AveragedModel | None, step: Step, history: History, at: _State
) -> None:
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    if average is not None:
        average.load_state_dict(saved["average"])
    if isinstance(step, Stateful):
        step.load_state_dict(saved["step"])
    history.epochs, history.steps = saved["history"]["epochs"], saved["history"]["steps"]
    at.__dict__.update(saved["at"])
