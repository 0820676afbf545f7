"""SequenceTask: the next item of a sequence as a `core.Task`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from r2u_rec.data.log import InteractionLog
from r2u_rec.ids import Ids
from r2u_rec.recsys.sequences import Sequences, sequences_of, together, windows_before
from r2u_rec.recsys.softmax import softmax_contacts, softmax_losses
from r2u_rec.unlearn.contacts import Contacts

CONTACTS_AT_ONCE = 8192
"""Records whose windows are computed at once."""


class SequenceBatch(NamedTuple):
    """Predictions: the item at each row and place (n,) of the sequences, to be predicted from those before it."""

    sequences: Sequences
    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    items: Tensor


@dataclass(frozen=True)
class SequenceTask:
    """Predicts each item from those before it: one loss an interaction, -log softmax over the whole catalogue.

    A batch stands on the records that it is given and nothing else: a request of whole users brings their sequences along, one of single
    interactions is trained or ascended on in the company of the request alone. The Newton step asks the model for the
    sequences that it knew. The softmax costs n_items a prediction: for catalogues up to some ten thousand items.

    Attributes:
        build: (log, seed) -> untrained model, such as `sasrec()`: with hidden(windows), sequences, max_length, and item_rows, the name of
            the table that scores are made from.
    """

    build: Callable[[InteractionLog, int], Any]

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
        return _batch(sequences_of(records), ids)

    def losses(self, model: Any, batch: SequenceBatch) -> Tensor:
        """Returns (n,) one loss an interaction, in nats."""
        hidden = _hidden(model, batch)
        owner = torch.arange(len(hidden), device=hidden.device)
        return softmax_losses(hidden, owner, batch.items, model.get_parameter(model.item_rows))

    def chance(self, records: InteractionLog) -> float:
        """Returns log(n_items), the loss in nats of a model that scores everything alike."""
        return float(np.log(records.n_items))

    def attach(self, model: Any, records: InteractionLog) -> None:
        """Makes `model` stand on the sequences of `records` alone."""
        model.rebuild(records)

    @torch.no_grad()
    def contacts(self, model: Any, records: InteractionLog, ids: Ids, *, n_draws: int, rng: np.random.Generator) -> list[Contacts]:
        """Returns how interactions meet the rows of the item table that scores are made from, through the vector of what came before.

        The same table is read as input; that side is left out: what is remembered sits in the scores.
        What came before is taken from the model's own sequences while they hold the records, so that it is what training saw.
        """
        known = model.sequences
        batch = _batch(known if known is not None and known.holds(ids) else sequences_of(records), ids)
        hidden = torch.cat([_hidden(model, part) for part in _parts(batch)])
        table = model.get_parameter(model.item_rows)
        return [softmax_contacts(model.item_rows, table, hidden, torch.arange(len(hidden)), batch.items, n_draws=n_draws, rng=rng)]


def _batch(sequences: Sequences, ids: Ids) -> SequenceBatch:
    rows, places = sequences.where(ids)
    return SequenceBatch(sequences, rows, places, torch.from_numpy(sequences.at(rows, places)))


def _parts(batch: SequenceBatch) -> list[SequenceBatch]:
    cuts = range(0, len(batch.rows), CONTACTS_AT_ONCE)
    slices = [slice(at, at + CONTACTS_AT_ONCE) for at in cuts]
    return [SequenceBatch(batch.sequences, batch.rows[s], batch.places[s], batch.items[s]) for s in slices]


def _hidden(model: Any, batch: SequenceBatch) -> Tensor:
    windows = windows_before(batch.sequences, batch.rows, batch.places, model.max_length)
    hidden: Tensor = model.hidden(type(windows)(*(t.to(batch.items.device) for t in windows)))
    return hidden
