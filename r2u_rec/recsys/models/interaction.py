"""Scores and penalties of interactions in one differentiable function: half the memory traffic of its plain form."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Interaction(torch.autograd.Function):
    """Products p.q and squared norms, whose backward is written out; it is made of differentiable operations itself."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, q: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(p, q, shares)
        scores = (p.unsqueeze(1) * q).sum(-1)  # (n, 1 + k)
        norms = torch.linalg.vecdot(p, p) + torch.linalg.vecdot(q, q) @ shares  # (n,)
        return scores, norms

    @staticmethod
    def backward(ctx: Any, by_scores: Tensor, by_norms: Tensor) -> tuple[Tensor, Tensor, None]:
        p, q, shares = ctx.saved_tensors
        twice = 2 * by_norms.unsqueeze(1)  # (n, 1)
        of_p = torch.addcmul((by_scores.unsqueeze(-1) * q).sum(1), twice, p)
        of_q = torch.addcmul((twice * shares).unsqueeze(-1) * q, by_scores.unsqueeze(-1), p.unsqueeze(1))
        return of_p, of_q, None


def interaction(p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    """Returns (n, 1 + k) scores p.q and (n,) |p|^2 + |q_0|^2 + the mean of |q_j|^2 over the others.

    Args:
        p: (n, d) user vectors. q: (n, 1 + k, d) item vectors, the positive first.
    """
    shares = torch.full((q.shape[1],), 1 / max(q.shape[1] - 1, 1), dtype=q.dtype, device=q.device)
    shares[0] = 1
    scores, norms = _Interaction.apply(p, q, shares)  # type: ignore[no-untyped-call]
    return scores, norms
