"""What a model of recbole can do, found out on a toy: how it is fed, which parameters hold a row a user, what its scores are made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import CapabilityError
from r2u_rec.recsys.recbole.config import config_of
from r2u_rec.recsys.recbole.feed import Feed, feed_of, interaction_of, summed
from r2u_rec.recsys.recbole.library import contained, quiet, recbole_module
from r2u_rec.recsys.recbole.records import USER, dataset_class, indices
from r2u_rec.recsys.recbole.repairs import EachBPR, loss_each_, model_class

COMPUTED = "is computed from a matrix and not trained: there is nothing for gradients to prepare or to undo"
REFUSED = {
    "ADMMSLIM": COMPUTED,
    "AsymKNN": COMPUTED,
    "EASE": f"{COMPUTED}; r2u_rec.recsys.closed_form.ease.Ease is exact",
    "ItemKNN": COMPUTED,
    "LDiffRec": "starts from item vectors in a file of another model's checkpoint",
    "NCEPLRec": COMPUTED,
    "NCL": "clusters its vectors between epochs, in a training loop of its own and with faiss",
    "Pop": "counts its batches as it sees them; r2u_rec.recsys.serving.popularity.Popularity counts the records that remain",
    "Random": "learns nothing",
    "RecVAE": "trains its encoder and its decoder in turns, in a loop of its own",
    "SLIMElastic": COMPUTED,
}
"""General models that the adapter does not take, and why."""

TableKind = Literal["embeddings", "propagated"]


@dataclass(frozen=True)
class Traits:
    """Traits of a model with its settings.

    Attributes:
        feed: what a batch is made of.
        user_axes: (parameter, axis) that have an entry for each user: that of code u is u + 1.
        one_each: whether the loss comes as one value an example, or as one value a batch.
        pairwise: the loss of an example is -log sigmoid of the difference of two scores (beside a penalty).
        tables: scores are products of the rows of the model's two embedding tables; or of two tables that it propagates; or neither.
        encodes: scores are computed from a history alone, by an encoder.
    """

    feed: Feed
    user_axes: tuple[tuple[str, int], ...]
    one_each: bool
    pairwise: bool
    tables: TableKind | None
    encodes: bool


def build(name: str, settings: dict[str, Any], n_negatives: int, records: InteractionLog, *, seed: int) -> Any:
    """Returns the library's model for `records`, untrained, in training mode; it keeps no logger and no configuration file.

    Raises:
        CapabilityError: a model that the adapter does not take, or recbole is not installed.
        SettingsError: no such model or setting.
    """
    if name in REFUSED:
        raise CapabilityError(f"recbole's {name} {REFUSED[name]}")
    kind = model_class(name)
    config = config_of(kind, settings, n_negatives=n_negatives)
    with quiet(), contained(seed):
        model = kind(config, dataset_class()(config, records))
        model.train()  # what a model draws at the start of an epoch is there
    loss_each_(model)
    if hasattr(model, "cor_batch_size"):  # DGCF decorrelates a sample of users and one of items, of a size that may exceed either
        model.cor_batch_size = min(model.cor_batch_size, records.n_users, records.n_items)
    for module in model.modules():
        if "logger" in vars(module):
            module.logger = None
    return model


def traits_of(name: str, settings: dict[str, Any], n_negatives: int) -> Traits:
    """Returns the traits of a model, found once for each name and settings."""
    return _traits(name, json.dumps(settings, sort_keys=True), n_negatives)


@lru_cache(maxsize=256)
def _traits(name: str, text: str, n_negatives: int) -> Traits:
    settings = json.loads(text)
    small, large = (toy(n_users) for n_users in (7, 8))
    model = build(name, settings, n_negatives, small, seed=0)
    other = dict(build(name, settings, n_negatives, large, seed=0).named_parameters())
    axes = []
    for where, parameter in model.named_parameters():
        for axis, (n, m) in enumerate(zip(parameter.shape, other[where].shape, strict=True)):
            if m - n not in (0, 1):
                raise CapabilityError(f"{name}.{where} grows by {m - n} with one more user: which entries are a user's is not known")
            axes += [(where, axis)] * (m - n)
    feed = feed_of(model)
    users = torch.arange(1, 4)
    with contained(0):
        loss = summed(model.calculate_loss(interaction_of(feed, users, users, users.repeat(n_negatives, 1).T)))
    one_each = feed != "users" and loss.numel() % 3 == 0
    pairwise = one_each and any(isinstance(m, EachBPR) for m in model.modules())
    encodes = isinstance(model, recbole_module("recbole.model.abstract_recommender").AutoEncoderMixin)
    return Traits(feed, tuple(axes), one_each, pairwise, _tables_of(model), encodes)


def _tables_of(model: Any) -> TableKind | None:
    """Returns which tables reproduce the full ranking, tried on all users of the toy."""
    model.eval()
    users = indices(np.arange(model.n_users - 1))
    with torch.no_grad(), contained(0):
        try:
            wanted = model.full_sort_predict(recbole_module("recbole.data.interaction").Interaction({USER: users})).reshape(len(users), -1)
        except NotImplementedError:
            return None
    for kind in ("embeddings", "propagated"):
        tables = tables_of(model, kind)
        if tables is not None and tables[0].shape[1] == tables[1].shape[1]:
            found = tables[0][users] @ tables[1].T
            if found.shape == wanted.shape and torch.allclose(found, wanted, atol=1e-6):
                return kind
    return None


def tables_of(model: Any, kind: TableKind) -> tuple[Tensor, Tensor] | None:
    """Returns (n_users + 1, d) and (n_items + 1, d) tables of this moment, padding first; None where the model has none of the kind."""
    if kind == "embeddings":
        users, items = (getattr(model, f"{side}_embedding", None) for side in ("user", "item"))
        return (users.weight, items.weight) if isinstance(users, nn.Embedding) and isinstance(items, nn.Embedding) else None
    if not hasattr(model, "restore_item_e"):
        return None
    forget_caches_(model)
    with torch.no_grad(), contained(0):
        model.full_sort_predict(recbole_module("recbole.data.interaction").Interaction({USER: torch.tensor([1])}))
    tables = model.restore_user_e, model.restore_item_e
    forget_caches_(model)
    return tables


def forget_caches_(model: Any) -> None:
    """Drops the tables that the library keeps from one ranking for the next: parameters may have moved, and records may have left."""
    for cache in ("restore_user_e", "restore_item_e", "i_embedding"):
        if hasattr(model, cache):
            setattr(model, cache, None)


def toy(n_users: int) -> InteractionLog:
    """Returns a log of `n_users` users with three of eleven items each."""
    user = np.repeat(np.arange(n_users, dtype=np.int32), 3)
    item = ((user * 2 + np.tile([0, 1, 5], n_users)) % 11).astype(np.int32)
    times = np.arange(len(user), dtype=np.int64)
    users, items = (Vocabulary(pd.RangeIndex(n).astype(np.int64)) for n in (n_users, 11))
    return InteractionLog(times, user, item, times, np.ones(len(user), dtype=np.float32), users, items)
