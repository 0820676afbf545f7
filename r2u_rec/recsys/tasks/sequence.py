"""SequenceTask: the next item of a sequence as a `core.Task`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.negatives import uniform_negatives
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids
from r2u_rec.recsys.tasks.losses import bce_derivatives, bce_loss
from r2u_rec.recsys.tasks.sequences import Sequences, sequences_of, together, windows_before
from r2u_rec.recsys.tasks.softmax import softmax_losses, softmax_row_interactions
from r2u_rec.unlearn.curvature.row_interactions import RowInteractions

INTERACTIONS_AT_ONCE = 8192
"""Records whose windows are computed at once."""


class SequenceBatch(NamedTuple):
    """Predictions: the item at each row and place (n,) of the sequences, to be predicted from those before it.

    `items` (n, 1 + n_negatives): the item itself, then the negatives; there are none under the softmax.
    """

    sequences: Sequences
    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    items: Tensor


@dataclass(frozen=True)
class SequenceTask:
    """Predicts each item from those before it: one loss an interaction.

    A batch stands on the records that it is given and nothing else: a request of whole users brings their sequences along, one of single
    interactions is trained or ascended on in the company of the request alone. The Newton step asks the model for the
    sequences that it knew.

    Attributes:
        build: (log, seed) -> untrained model, such as `sasrec()`: with hidden(windows), sequences, max_length, and item_rows, the name of
            the table that scores are made from.
        loss: "bce", against uniform negatives, never an item of the same user in the current records: learns what somebody likes. Or
            "softmax" over the whole catalogue: learns what comes next, and costs n_items a prediction.
        n_negatives: negatives an interaction of "bce".
    """

    build: Callable[[InteractionLog, int], Any]
    loss: Literal["bce", "softmax"] = "bce"
    n_negatives: int = 1

    def __post_init__(self) -> None:
        if self.loss not in ("bce", "softmax"):
            raise SettingsError(f"loss must be 'bce' or 'softmax', got {self.loss!r}")
        if self.n_negatives < 1:
            raise SettingsError(f"n_negatives must be >= 1, got {self.n_negatives}")

    def model(self, records: InteractionLog, *, seed: int) -> nn.Module:
        """Returns a fresh model on the sequences of `records`; DataError when they have no times."""
        model = self.build(records, seed)
        model.rebuild(records)
        return model  # type: ignore[no-any-return]

    def order(self, records: InteractionLog, *, rng: np.random.Generator) -> Ids:
        """Returns all ids, sequence by sequence: predictions of one sequence share the work."""
        return together(records, rng)

    def batch(self, records: InteractionLog, ids: Ids, *, rng: np.random.Generator) -> SequenceBatch:
        """Returns the predictions of the records `ids` (any order) from those before them in `records`."""
        return self._batch(sequences_of(records), records, ids, 0 if self.loss == "softmax" else self.n_negatives, rng)

    def losses(self, model: Any, batch: SequenceBatch) -> Tensor:
        """Returns (n,) one loss an interaction, in nats."""
        hidden, table = _hidden(model, batch), model.get_parameter(model.item_rows)
        if self.loss == "softmax":
            return softmax_losses(hidden, torch.arange(len(hidden), device=hidden.device), batch.items[:, 0], table)
        return bce_loss((hidden.unsqueeze(1) * F.embedding(batch.items, table)).sum(-1))

    def chance(self, records: InteractionLog) -> float:
        """Returns the loss in nats of a model that scores everything alike: log(n_items), or 2 log 2 for "bce"."""
        return float(np.log(records.n_items)) if self.loss == "softmax" else 2 * float(np.log(2.0))

    def attach(self, model: Any, records: InteractionLog) -> None:
        """Makes `model` stand on the sequences of `records` alone."""
        model.rebuild(records)

    @torch.no_grad()
    def row_interactions(
        self, model: Any, records: InteractionLog, ids: Ids, *, n_draws: int, rng: np.random.Generator
    ) -> list[RowInteractions]:
        """Returns how interactions meet the rows of the item table that scores are made from, through the vector of what came before.

        The same table is read as input; that side is left out: what is remembered sits in the scores.
        What came before is taken from the model's own sequences while they hold the records, so that it is what training saw.
        """
        known = model.sequences
        sequences = known if known is not None and known.holds(ids) else sequences_of(records)
        batch = self._batch(sequences, records, ids, 0 if self.loss == "softmax" else n_draws, rng)
        hidden = torch.cat([_hidden(model, part) for part in _parts(batch)])  # (n, d)
        name, table = model.item_rows, model.get_parameter(model.item_rows)
        if self.loss == "softmax":
            return [softmax_row_interactions(name, table, hidden, torch.arange(len(hidden)), batch.items[:, 0], n_draws=n_draws, rng=rng)]
        slopes, curvatures = bce_derivatives((hidden.unsqueeze(1) * table[batch.items]).sum(-1))
        return [RowInteractions(name, batch.items, hidden.unsqueeze(1), slopes, curvatures, torch.zeros_like(slopes))]

    def _batch(self, sequences: Sequences, records: InteractionLog, ids: Ids, n_negatives: int, rng: np.random.Generator) -> SequenceBatch:
        rows, places = sequences.where(ids)
        items = np.empty((len(rows), 1 + n_negatives), dtype=np.int64)
        items[:, 0] = sequences.at(rows, places)
        if n_negatives:
            items[:, 1:] = uniform_negatives(records, rows, n_negatives, rng)
        return SequenceBatch(sequences, rows, places, torch.from_numpy(items))


def _parts(batch: SequenceBatch) -> list[SequenceBatch]:
    cuts = range(0, len(batch.rows), INTERACTIONS_AT_ONCE)
    slices = [slice(at, at + INTERACTIONS_AT_ONCE) for at in cuts]
    return [SequenceBatch(batch.sequences, batch.rows[s], batch.places[s], batch.items[s]) for s in slices]


def _hidden(model: Any, batch: SequenceBatch) -> Tensor:
    windows = windows_before(batch.sequences, batch.rows, batch.places, model.max_length)
    hidden: Tensor = model.hidden(type(windows)(*(t.to(batch.items.device) for t in windows)))
    return hidden
