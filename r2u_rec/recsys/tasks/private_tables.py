"""DP-SGD for embedding tables: one record's gradient is a handful of rows, so clipping costs no more than a standard step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from r2u_rec.core.parallel import Processes
from r2u_rec.core.step import Step, StepInput, Terms
from r2u_rec.errors import CapabilityError, SettingsError


def private_tables(*, batch_size: int, max_norm: float = 0.1, noise_multiplier: float = 1.0) -> Step:
    """Returns the DP-SGD step of `core.private.private`, with Poisson batches, for a model whose vectors are rows of its tables.

    The gradient of one interaction is that of its looked-up vectors, so its norm needs no gradient of a whole table a record.
    Clipped sums are scattered into the tables, and noise reaches
    every row. What is protected is an interaction, not a user: someone with m interactions has m times the epsilon, or worse. The
    accountant is that of `core.accounting`.

    What voids the promise: negatives drawn against the other records of a user (the default sampler does), validation or early
    stopping on protected records, a seed that the adversary knows.

    Args:
        batch_size: the expected number of records in a step; give what `Training.batch_size` has.
        max_norm: bound of one record's gradient. Ready2Unlearn, Section 4.2.2, uses .1.
        noise_multiplier: standard deviation of the noise over `max_norm`; 0 clips only and promises nothing.

    Raises:
        SettingsError: a setting out of range.
        CapabilityError: in a step, a model whose tables are no leaf parameters (a graph mixes records), several processes.

    Source: Abadi et al. (2016), Algorithm 1; per-record norms of looked-up rows as in Lee and Kifer (2021) for embeddings.
    """
    for name, value, low in (("batch_size", batch_size, 1), ("noise_multiplier", noise_multiplier, 0)):
        if not value >= low:
            raise SettingsError(f"{name} must be >= {low}, got {value}")
    if not 0 < max_norm < float("inf"):
        raise SettingsError(f"max_norm must be > 0 and finite, got {max_norm}: the noise is a multiple of it")

    def step(s: StepInput) -> Terms:
        users, items = _tables(s)
        task: Any = s.task
        s = replace(s, ids=s.records.ids[s.rng.random(len(s.records)) < batch_size / len(s.records)])
        sums = [torch.zeros_like(users), torch.zeros_like(items)]
        terms: Terms = {}  # an empty draw has no loss
        if len(s.ids):
            batch = s.batch(s.ids)
            p, q = users.detach()[batch.users].requires_grad_(), items.detach()[batch.items].requires_grad_()
            losses, penalties = task.of_vectors(p, q)
            of_p, of_q = torch.autograd.grad((losses + penalties).sum(), (p, q))  # (n, d), (n, 1 + k, d)
            twice = (batch.items.unsqueeze(1) == batch.items.unsqueeze(2)).to(of_q)  # (n, 1 + k, 1 + k): a row met twice gets one gradient
            norms = (of_p.square().sum(1) + ((of_q @ of_q.mT) * twice).sum((1, 2))).clamp_min(0).sqrt()  # (n,)
            scales = (max_norm / norms.clamp(min=max_norm)).unsqueeze(1)  # (n, 1)
            sums[0].index_add_(0, batch.users, scales * of_p)
            sums[1].index_add_(0, batch.items.flatten(), (scales.unsqueeze(2) * of_q).flatten(0, 1))
            terms = {"loss": (losses + penalties).detach().mean(), "clipped_share": (norms > max_norm).float().mean()}
        noise = torch.Generator().manual_seed(int(s.rng.integers(2**62)))
        for table, total in zip((users, items), sums, strict=True):
            drawn = torch.randn(table.shape, generator=noise, dtype=table.dtype).to(table.device) * (noise_multiplier * max_norm)
            g = (total + drawn) / batch_size
            table.grad = g if table.grad is None else table.grad + g
        return terms

    return step


def _tables(s: StepInput) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the user and the item table; refuses what would void the promise."""
    if (size := Processes.now().size) > 1:
        raise CapabilityError(f"DP-SGD in {size} processes would average {size} noises, less than was accounted for: train in one process")
    model: Any = s.model
    found: tuple[Any, ...] = model.tables() if hasattr(model, "tables") and hasattr(s.task, "of_vectors") else (None, None)
    if not all(isinstance(t, torch.Tensor) and t.is_leaf for t in found) or hasattr(model, "rebuild"):
        raise CapabilityError(
            f"{type(s.model).__name__} computes its vectors from more than one record's rows, so no gradient belongs to one record: "
            "use matrix factorisation, or core.private"
        )
    users, items = found
    return users, items
