"""Training slice after slice: on slice 1, then on slices 1 and 2, and so on, with a checkpoint after each to go back to."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from r2u_rec.core.protocols import Rec, Task
from r2u_rec.core.trainer import SupportsWarmStart, Trainer
from r2u_rec.errors import SettingsError
from r2u_rec.rng import stream

State = dict[str, Tensor]
"""The state dict of a model that is not trained any more."""


def slice_epochs(epochs: int, slices: int) -> tuple[int, ...]:
    """Returns the epochs of each slice: 2 epochs / (slices + 1), so that with even slices as many records are trained on as without.

    Raises:
        SettingsError: too few epochs for one a slice.

    Source: Bourtoule et al. 2021, Machine Unlearning; fractions are carried over to the next slice as in its released code.
    """
    if 2 * epochs < slices + 1:
        raise SettingsError(
            f"epochs={epochs} are too few for slices={slices}, of which each needs one of its 2 * epochs / (slices + 1): raise epochs to "
            f"{slices // 2 + 1} or lower slices"
        )
    return tuple(after - before for before, after in itertools.pairwise(2 * epochs * at // (slices + 1) for at in range(slices + 1)))


def epochs_of(trainer: Trainer, slices: int) -> tuple[int, ...]:
    """Returns the epochs of each slice under `trainer`; (1,) for a trainer whose epochs cannot be set."""
    return slice_epochs(trainer.epochs, slices) if isinstance(trainer, SupportsWarmStart) else (1,)


def train_slices(
    trainer: Trainer[Rec],
    task: Task[Rec],
    records: Rec,
    slice_of: NDArray[np.integer[Any]],
    kept: tuple[State, ...],
    *,
    slices: int,
    seed: int,
    label: str,
) -> tuple[nn.Module, tuple[State, ...]]:
    """Returns the model of `records`, attached to them, and its states after each slice but the last.

    The same seed gives the same bytes from every checkpoint: each slice has a seed of its own and a fresh optimiser, and whatever
    the model derives from data stands on the slices so far. Without any record so far the model stays untrained.

    Args:
        trainer: one that `SupportsWarmStart`; any other where `slices` is 1.
        slice_of: (n,) slice of each record, 0..slices-1.
        kept: states after the first slices, which are not trained again.
        label: of these records among others of one training, for progress and the trainer's own checkpoint files.
    """
    states, fresh = list(kept), int(stream(seed, "fresh").integers(2**31))
    epochs = epochs_of(trainer, slices)
    for at in range(len(kept), slices):
        so_far = records.keep(records.ids[slice_of <= at])
        if isinstance(trainer, SupportsWarmStart) or len(so_far) == 0:
            model = task.model(so_far, seed=fresh)
            if at > 0:
                model.load_state_dict(states[at - 1])
            if isinstance(trainer, SupportsWarmStart) and len(so_far) > 0:
                own = int(stream(seed, "slice", at).integers(2**31))
                trainer.train_on_(task, so_far, model, seed=own, epochs=epochs[at], part=f"{label} slice {at + 1}")
        else:
            model = trainer.train(task, so_far, seed=fresh)
        if at < slices - 1:
            states.append(dict(model.state_dict()))  # no copy: each slice trains a model of its own
    task.attach(model, records)
    return model.eval(), tuple(states)
