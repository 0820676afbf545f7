"""HistoryTask: what an autoencoder learns from, one loss an interaction; and the polish of its output layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from r2u_rec.core.trainer import Trainer
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import CapabilityError, DivergenceError, SettingsError
from r2u_rec.ids import Ids
from r2u_rec.recsys.tasks.sequences import together
from r2u_rec.recsys.tasks.softmax import softmax_losses, softmax_row_interactions
from r2u_rec.unlearn.curvature.row_interactions import RowInteractions


class HistoryBatch(NamedTuple):
    """Interactions: the item (n,) of each, and in `histories` (m, n_items) the row (n,) that it is predicted from."""

    histories: sparse.csr_array
    owner: Tensor
    items: Tensor


_MATRICES: WeakKeyDictionary[InteractionLog, sparse.csr_array] = WeakKeyDictionary()
"""The keys are weak: what was computed from a log dies with it."""


def _matrix(records: InteractionLog) -> sparse.csr_array:
    if records not in _MATRICES:
        _MATRICES[records] = records.matrix()
    return _MATRICES[records]


@dataclass(frozen=True)
class HistoryTask:
    """Predicts each item of a history from the whole of it: one loss an interaction, -log softmax over the catalogue.

    A batch stands on the records that it is given and nothing else; the Newton step asks the model for the histories that it knew.

    Attributes:
        build: (log, seed) -> untrained model, such as `autoencoder()`: with hidden(histories), histories, and item_rows, the name of the
            table that scores are made from.
    """

    build: Callable[[InteractionLog, int], Any]

    def model(self, records: InteractionLog, *, seed: int) -> nn.Module:
        """Returns a fresh model on the histories of `records`."""
        model = self.build(records, seed)
        model.rebuild(records)
        return model  # type: ignore[no-any-return]

    def order(self, records: InteractionLog, *, rng: np.random.Generator) -> Ids:
        """Returns all ids, history by history: interactions of one history share the work."""
        return together(records, rng)

    def batch(self, records: InteractionLog, ids: Ids, *, rng: np.random.Generator) -> HistoryBatch:
        """Returns the interactions `ids` (any order) beside the histories that `records` give."""
        return _batch(_matrix(records), records, ids)

    def losses(self, model: Any, batch: HistoryBatch) -> Tensor:
        """Returns (n,) one loss an interaction, in nats."""
        return softmax_losses(model.hidden(batch.histories), batch.owner, batch.items, model.get_parameter(model.item_rows))

    def chance(self, records: InteractionLog) -> float:
        """Returns log(n_items), the loss in nats of a model that scores everything alike."""
        return float(np.log(records.n_items))

    def attach(self, model: Any, records: InteractionLog) -> None:
        """Makes `model` stand on the histories of `records` alone."""
        model.rebuild(records)

    @torch.no_grad()
    def row_interactions(
        self, model: Any, records: InteractionLog, ids: Ids, *, n_draws: int, rng: np.random.Generator
    ) -> list[RowInteractions]:
        """Returns how interactions meet the output rows, through hidden vectors, and the input rows, where the model says how.

        The histories are the model's own while they hold the request, so that hidden vectors are those that training saw.
        """
        batch = _batch(_known(model, records, ids), records, ids)
        table, hidden = model.get_parameter(model.item_rows), model.hidden(batch.histories)
        found = [softmax_row_interactions(model.item_rows, table, hidden, batch.owner, batch.items, n_draws=n_draws, rng=rng)]
        if hasattr(model, "input_row_interactions"):
            found.append(model.input_row_interactions(batch.histories, batch.owner, batch.items, n_draws=n_draws, rng=rng))
        return found


def _batch(histories: sparse.csr_array, records: InteractionLog, ids: Ids) -> HistoryBatch:
    at = records.positions(ids)
    users, owner = np.unique(records.user[at], return_inverse=True)
    return HistoryBatch(histories[users], torch.from_numpy(owner.astype(np.int64)), torch.from_numpy(records.item[at].astype(np.int64)))


def _known(model: Any, records: InteractionLog, ids: Ids) -> sparse.csr_array:
    """Returns the model's own histories when they hold the pairs of `ids`, else those of `records`."""
    own = model.histories
    if own is None:
        return _matrix(records)
    at = records.positions(ids)
    return own if bool((own[records.user[at], records.item[at]] != 0).all()) else _matrix(records)


@dataclass(frozen=True)
class Polished:
    """A trainer whose result has its output layer at its optimum: given the hidden vectors, the loss is convex in it.

    The optimum of sum of losses + reg / 2 * |output rows|^2, by L-BFGS from where training left it. A Newton step then starts from a point
    where the gradient is known to be 0; give the step a damping of `reg`.

    Attributes:
        trainer: of the whole model.
        reg: L2 weight, on the sum of losses.
        steps: at most so many L-BFGS steps.

    Source: the layer is the multinomial logistic regression of the hidden vector; polishing it first is ours.
    """

    trainer: Trainer
    reg: float = 10.0
    steps: int = 60

    def __post_init__(self) -> None:
        if not self.reg > 0:
            raise SettingsError(f"reg must be > 0, got {self.reg}: without it the optimum may lie at infinity")
        if self.steps < 1:
            raise SettingsError(f"steps must be >= 1, got {self.steps}")

    def train(self, task: Any, records: InteractionLog, *, seed: int) -> nn.Module:
        """Returns the trained and polished model, attached; CapabilityError for a task without histories."""
        if not isinstance(task, HistoryTask):
            raise CapabilityError(f"Polished needs a HistoryTask, got {type(task).__name__}: train without it")
        model = self.trainer.train(task, records, seed=seed)
        polish_(model, records, reg=self.reg, steps=self.steps)
        return model


def polish_(model: Any, records: InteractionLog, *, reg: float, steps: int) -> None:
    """Moves the output rows to the minimum of the summed losses of `records` + reg / 2 * |rows|^2, all else fixed."""
    table = model.get_parameter(model.item_rows)
    histories = _matrix(records)
    wanted = np.flatnonzero(records.user_counts)
    batch = _batch(histories, records, records.ids)
    with torch.no_grad():
        hidden = model.hidden(histories[wanted])
    optimizer = torch.optim.LBFGS([table], max_iter=steps, history_size=20, line_search_fn="strong_wolfe", tolerance_change=1e-9)

    def closure() -> Tensor:
        optimizer.zero_grad()
        losses = softmax_losses(hidden, batch.owner, batch.items, table)
        total = (losses.sum() + reg / 2 * table.square().sum()) / len(losses)
        total.backward()
        found: Tensor = total
        return found

    value = float(optimizer.step(closure).detach())  # type: ignore[no-untyped-call]
    optimizer.zero_grad(set_to_none=True)
    if not np.isfinite(value) or not torch.isfinite(table).all():
        raise DivergenceError(f"polishing the output layer began at a loss of {value}: the model that it was given is not usable")
