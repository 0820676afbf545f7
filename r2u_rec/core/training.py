"""fit_: the only optimisation loop. Every way to train differs only in the step that it hands to it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from r2u_rec.core.checkpoint import fingerprint, read_checkpoint, remove_checkpoint, write_checkpoint
from r2u_rec.core.interrupt import quiet_interrupt
from r2u_rec.core.parallel import Processes
from r2u_rec.core.progress import Progress
from r2u_rec.core.protocols import B, HasEpochOrder, Rec, Task
from r2u_rec.core.rowwise import RowwiseAdam
from r2u_rec.core.state import LoopState, TrainState, step_kind
from r2u_rec.core.step import Observes, Step, StepInput
from r2u_rec.core.strategies import standard
from r2u_rec.errors import DivergenceError, SettingsError
from r2u_rec.ids import Ids
from r2u_rec.rng import stream

OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "linear")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Training:
    """Settings of the loop. The setting `training` has defaults of its own, measured on the data that it is for.

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
        if not 0 < self.lr <= 1e6:
            raise SettingsError(f"lr must lie in (0, 1e6], got {self.lr}")
        if self.weight_decay < 0 or (self.weight_decay > 0 and self.optimizer == "adam"):
            raise SettingsError(
                f"weight_decay must be 0 with optimizer='adam' and >= 0 with the others, got {self.weight_decay} with {self.optimizer!r}: "
                "penalise in the task, or use 'adamw'"
            )
        if not 0 <= self.average_share <= 1:
            raise SettingsError(f"average_share must lie in [0, 1], got {self.average_share}")
        if self.checkpoint_seconds < 0:
            raise SettingsError(f"checkpoint_seconds must be >= 0, got {self.checkpoint_seconds}: 0 writes one after each step")
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise SettingsError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        if self.patience is not None and self.patience < 1:
            raise SettingsError(f"patience must be >= 1 or None, got {self.patience}")


@dataclass
class History:
    """The history of a fit: one row per epoch (epoch, seconds, records_per_second, the mean of each term, validation)."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    stopped: Literal["completed", "early"] = "completed"
    steps: int = 0

    @property
    def seconds(self) -> float:
        return sum(row["seconds"] for row in self.epochs)


def usable_device(name: str) -> torch.device:
    """Returns the torch device of that name; SettingsError when there is none here that can train."""
    try:
        device = torch.device(name)
        if device.type == "meta":
            raise RuntimeError("meta holds no values")
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, ValueError) as error:
        reason = (str(error).splitlines() or ["not available"])[0]
        raise SettingsError(f"training.device={name!r} cannot train here: {reason[:120]}; use cpu") from None
    return device


def fit_(
    model: nn.Module,
    task: Task[Rec, B],
    records: Rec,
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
    """Trains `model` in place and returns the history.

    The same seed gives the same bytes, interrupted or not: each epoch's order and each step's randomness are streams
    of (seed, epoch, step), so a checkpoint needs no generator state. On Ctrl-C the running step is finished, the
    checkpoint is written, and KeyboardInterrupt is raised; a later call with the same arguments continues from there.
    A finished fit deletes its checkpoint: it would outlive the records it was computed from. A task's own randomness beside
    `rng` (dropout) is torch's, seeded at each step; the caller's global state is restored.

    Where torch.distributed has been initialised (`torchrun`), its processes train together: each takes its part of every batch and, in
    prepared steps, draws samples of its own; gradients are averaged. All validate; the first alone shows progress and writes checkpoints,
    which belong to the number of processes too. Every process calls with the same arguments.

    Args:
        model: trained in place; left in eval mode, on `training.device`, without gradients.
        step: adds gradients and returns terms; see `core.strategies` and `core.prepare.ready2unlearn`.
        validate: model -> value, higher is better; called with the averaged weights once averaging has begun.
        checkpoint: file for checkpoints; resumed from when it is there.
        callbacks: called after each epoch with (epoch, model, the epoch's row).
        progress: show a progress bar; None shows it on a terminal only.

    Raises:
        DivergenceError: a term, a validation value or, at the end of an epoch, a parameter is not finite; names which, and where.
        SettingsError: no records, patience without validate, or a checkpoint of another run.
        CapabilityError: several processes and a model with sparse gradients.
        KeyboardInterrupt: after the checkpoint was written.
    """
    if len(records) == 0:
        raise SettingsError("there are 0 records to train on: check the filter or the split")
    if training.patience is not None and validate is None:
        raise SettingsError(f"patience={training.patience} needs validate: pass a function of the model, or patience=None")
    device, processes = usable_device(training.device), Processes.now()
    model.to(device)
    processes.same_([*model.parameters(), *model.buffers()])
    average_from = training.epochs - round(training.average_share * training.epochs)
    average = AveragedModel(model) if average_from < training.epochs else None
    run = TrainState(model, _optimizer(model, training), average, step, LoopState())
    at, mark = run.at, fingerprint(asdict(training), seed, records.ids, step_kind(step), processes.size)
    if checkpoint is not None and checkpoint.exists():
        run.load_state_dict(read_checkpoint(checkpoint, mark))
    n_steps = math.ceil(len(records) / training.batch_size)
    saved = time.monotonic()
    with (
        Progress(training.epochs * n_steps, label, progress if processes.first else False) as bar,
        quiet_interrupt() as interrupted,
        torch.random.fork_rng([]),
    ):

        def pause() -> None:
            """Saves when it is time, and stops when Ctrl-C was pressed."""
            nonlocal saved
            stopped = processes.any(interrupted(), device)
            due = stopped or time.monotonic() - saved >= training.checkpoint_seconds
            if checkpoint is not None and processes.first and due:
                write_checkpoint(checkpoint, mark, run.state_dict())
                saved = time.monotonic()
            if stopped:
                processes.wait()  # for the checkpoint
                raise KeyboardInterrupt(
                    f"stopped at epoch {at.epoch}, step {at.index}" + (f"; resume from {checkpoint}" if checkpoint else "")
                )

        bar.skip(at.epoch * n_steps + at.index)
        while at.epoch < training.epochs and not _out_of_patience(at, training):
            _set_lr(run.optimizer, training, at.epoch)
            rng = stream(seed, "order", at.epoch)
            order = task.order(records, rng=rng) if isinstance(task, HasEpochOrder) else rng.permutation(records.ids)
            model.train()
            while at.index < n_steps:
                begun = time.perf_counter()
                ids = order[at.index * training.batch_size : (at.index + 1) * training.batch_size]
                terms = _step(run, task, records, processes.share(ids), training, n_steps, seed, processes)
                whole = at.index % training.accumulate == 0 or at.index == n_steps
                if whole:
                    processes.mean_gradients_(model)
                    _apply(model, run.optimizer, (at.index - 1) % training.accumulate + 1)
                at.seconds += time.perf_counter() - begun
                bar.advance(terms.get("loss", math.nan), len(ids))
                if whole:
                    pause()
            processes.same_(model.buffers())
            _refuse_broken(model, at.epoch, training.lr)
            row = at.close_epoch(len(records))
            averaging = average is not None and at.epoch > average_from
            if average is not None and averaging:
                average.update_parameters(model)
            judged = average.module if average is not None and averaging else model
            if validate is not None and at.epoch % training.validate_every == 0:
                row["validation"] = _validation(validate, judged, at.epoch - 1)
                if isinstance(step, Observes):
                    step.observe(row["validation"])
                at.judge(row["validation"], judged, keep=training.patience is not None)
            for callback in callbacks:
                callback(at.epoch - 1, judged, row)
            if processes.any(interrupted(), device):
                pause()
    if at.best_model is not None:
        model.load_state_dict(at.best_model)
    elif average is not None:
        model.load_state_dict(average.module.state_dict())
    run.optimizer.zero_grad(set_to_none=True)
    model.eval()
    if checkpoint is not None and processes.first:
        remove_checkpoint(checkpoint)
    return History(at.rows, "early" if at.epoch < training.epochs else "completed", at.steps)


def _step(
    run: TrainState, task: Task[Rec, B], records: Rec, ids: Ids, training: Training, n_steps: int, seed: int, processes: Processes
) -> dict[str, float]:
    """Adds the gradients of one step and returns its terms as numbers; DivergenceError when one is not finite in any process."""
    at, device = run.at, torch.device(training.device)
    rng = stream(seed, "step", at.epoch, at.index, *([] if processes.first else [processes.rank]))
    seed_draws = torch.default_generator.manual_seed if device.type == "cpu" else torch.manual_seed
    seed_draws(int(rng.integers(2**62)))  # torch.manual_seed queues a call for each kind of device, with a stack trace: a third of a ms
    autocast = torch.autocast(device.type, torch.bfloat16) if training.precision == "bfloat16" else nullcontext()
    with autocast:
        found = run.step(StepInput(run.model, task, records, ids, rng, at.epoch, training.epochs, at.index, n_steps, device))
    terms = {name: float(value) for name, value in found.items()}
    broken = [f"{name!r} is {value}" for name, value in terms.items() if not math.isfinite(value)]
    if processes.any(bool(broken), device):
        raise DivergenceError(
            f"term {broken[0] if broken else 'of another process is not finite'} at epoch {at.epoch}, step {at.index} "
            f"(lr {training.lr:g}): lower the learning rate or bound the term; the model is not usable"
        )
    at.note(terms)
    return terms


def _refuse_broken(model: nn.Module, epoch: int, lr: float) -> None:
    """Raises DivergenceError when a parameter holds NaN or infinity: a finite loss may have a gradient that is not."""
    for name, p in model.named_parameters():
        if p.numel() and not all(math.isfinite(float(edge)) for edge in torch.aminmax(p.detach())):
            raise DivergenceError(
                f"parameter {name!r} is not finite after epoch {epoch} (lr {lr:g}), though every loss was: lower the learning rate, or "
                "look for a root or a logarithm at 0; the model is not usable"
            )


def _validation(validate: Callable[[nn.Module], float], judged: nn.Module, epoch: int) -> float:
    judged.eval()
    value = float(validate(judged))
    if not math.isfinite(value):
        raise DivergenceError(f"validate returned {value} after epoch {epoch}: it must give a finite number, higher is better")
    return value


def _out_of_patience(at: LoopState, training: Training) -> bool:
    return training.patience is not None and at.bad >= training.patience


def _optimizer(model: nn.Module, training: Training) -> torch.optim.Optimizer:
    parameters = [p for p in model.parameters() if p.requires_grad]
    if training.optimizer == "adam":
        return RowwiseAdam(parameters, lr=training.lr)
    kind = torch.optim.AdamW if training.optimizer == "adamw" else torch.optim.SGD
    return kind(parameters, lr=training.lr, weight_decay=training.weight_decay)


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
