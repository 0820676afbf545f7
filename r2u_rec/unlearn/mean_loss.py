"""The mean loss of a model on records: the level at which an ascent may stop."""

from __future__ import annotations

import torch
from torch import nn

from r2u_rec.core.protocols import HasLosses, Rec
from r2u_rec.core.step import to_device
from r2u_rec.errors import DivergenceError, SettingsError
from r2u_rec.ids import Ids, as_ids, positions_of
from r2u_rec.rng import stream


def mean_loss(task: HasLosses[Rec], model: nn.Module, records: Rec, ids: Ids, *, seed: int, batch_size: int = 65_536) -> float:
    """Returns the mean loss in nats of `model` on the records `ids`, without any penalty, in eval mode.

    On reserved records that were never trained on, it estimates the loss that the forgotten records would have without training on
    them. On the records to forget under a reference model, it is the loss of that model. Both are targets for `GradientAscent`. The model
    keeps its mode and gets no gradients.

    Args:
        ids: which of `records`, in any number >= 1; what a task samples beside them is drawn against `records`.
        seed: of that sampling.
        batch_size: records at once.

    Raises:
        SettingsError: no ids.
        UnknownRecordError: ids that are not there.
        DivergenceError: the loss is not finite.
    """
    ids = as_ids(ids)
    if ids.size == 0:
        raise SettingsError("the mean loss of 0 records is not defined: name some")
    positions_of(records.ids, ids)
    device = next(iter(model.parameters())).device
    training, total = model.training, 0.0
    model.eval()
    try:
        with torch.no_grad():
            for at, start in enumerate(range(0, len(ids), batch_size)):
                some = ids[start : start + batch_size]
                batch = task.batch(records, some, rng=stream(seed, "mean loss", at))
                total += float(task.losses(model, to_device(batch, device)).double().mean()) * len(some)
    finally:
        model.train(training)
    found = total / len(ids)
    if not torch.isfinite(torch.tensor(found)):
        raise DivergenceError(f"the mean loss of {len(ids)} records is {found}: the model has diverged")
    return found
