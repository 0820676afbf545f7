"""What recbole's models are fed with: pairs, labelled points, or users; and what their loss gives back."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from r2u_rec.recsys.recbole.library import recbole_module
from r2u_rec.recsys.recbole.records import ITEM, LABEL, NEGATIVE, USER

Feed = Literal["pairs", "points", "users"]


def feed_of(model: Any) -> Feed:
    """Returns what a model learns from: (user, item, negative), (user, item, label), or whole users with their histories."""
    autoencoder = recbole_module("recbole.model.abstract_recommender").AutoEncoderMixin
    if isinstance(model, autoencoder) or type(model).__name__ == "ENMF":
        return "users"
    return "pairs" if model.input_type == recbole_module("recbole.utils").InputType.PAIRWISE else "points"


def interaction_of(feed: Feed, users: Tensor, items: Tensor, negatives: Tensor) -> Any:
    """Returns the library's batch; all arguments are its own indices.

    Args:
        users, items: (n,); negatives: (n, k). With k > 1, or points, records are repeated whole list after whole list, as the library
            does. "users" takes `users` alone.
    """
    k = negatives.shape[1]
    if feed == "users":
        found = {USER: users}
    elif feed == "pairs":
        found = {USER: users.repeat(k), ITEM: items.repeat(k), NEGATIVE: negatives.T.reshape(-1)}
    else:
        label = torch.zeros(len(users) * (1 + k), device=users.device)
        label[: len(users)] = 1
        found = {USER: users.repeat(1 + k), ITEM: torch.cat([items, negatives.T.reshape(-1)]), LABEL: label}
    return recbole_module("recbole.data.interaction").Interaction(found)


def summed(loss: Any) -> Tensor:
    """Returns a loss as one tensor of one dimension; the library gives some as a tuple of terms."""
    terms = loss if isinstance(loss, tuple) else (loss,)
    total: Tensor = torch.stack([term.reshape(()) for term in terms]).sum() if len(terms) > 1 else terms[0]
    return total.reshape(-1)
