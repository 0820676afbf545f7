"""Losses of implicit feedback, one value an interaction."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def bpr_loss(scores: Tensor) -> Tensor:
    """Returns (n,) -log sigmoid(positive - negative), averaged over the negatives of each interaction.

    Args:
        scores: (n, 1 + n_negatives); column 0 the positive.

    Source: Rendle et al. 2009, BPR-Opt, without its regulariser.
    """
    return F.softplus(scores[:, 1:] - scores[:, :1]).mean(1)


def bce_loss(scores: Tensor) -> Tensor:
    """Returns (n,) binary cross-entropy: the positive against label 1, plus the mean over negatives against label 0.

    Args:
        scores: (n, 1 + n_negatives) logits; column 0 the positive.
    """
    return F.softplus(-scores[:, 0]) + F.softplus(scores[:, 1:]).mean(1)


def bce_derivatives(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the first and second derivative (n, 1 + n_negatives) of each `bce_loss` by each score."""
    s = torch.sigmoid(scores)
    share = torch.full_like(s, 1 / (scores.shape[1] - 1))
    share[:, 0] = 1
    label = torch.zeros_like(s)
    label[:, 0] = 1
    return share * (s - label), share * s * (1 - s)
