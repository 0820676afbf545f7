"""Differentially private SGD: every record's gradient is clipped and noise is added, so that no record can matter much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as pytree

from r2u_rec.core.parallel import Processes
from r2u_rec.core.protocols import Task
from r2u_rec.core.step import Step, StepInput, Terms, objective
from r2u_rec.errors import CapabilityError, SettingsError

Sampling = Literal["poisson", "shuffled"]
SAMPLINGS = ("poisson", "shuffled")

Gradients = dict[str, Tensor]


def private(
    *,
    batch_size: int,
    max_norm: float = 0.1,
    noise_multiplier: float = 1.0,
    sampling: Sampling = "poisson",
    chunk: int = 64,
    vectorised: bool = True,
) -> Step:
    """Returns the DP-SGD step: gradients of single records, each clipped to `max_norm`, summed, noised, over the expected batch size.

    Gradients of single records come from torch.func (vmap over functional_call), and from opacus only the accountant, in
    `core.privacy.accounting`: opacus' GradSampleModule takes a position table that the whole batch shares (that of GPT-2) for a batch
    of one, and leaves hooks on the model that is kept. Tied weights, and any layer that treats records apart, are served.

    `fit_` hands out shuffled passes, and the accountant's amplification by sampling holds for Poisson batches alone.
    Therefore "poisson" draws the step's records afresh, each with probability batch_size / n, from the step's own stream;
    an epoch is then as many such steps, and a record may be in several of them or in none. "shuffled" takes the
    batches of `fit_`, and `epsilon` claims no amplification for it.

    What voids the promise: validation or early stopping on protected records; a batch that reads records beside its own
    (sampled negatives, graphs, `attach`); a seed that the adversary knows, who can then subtract the noise.

    Args:
        batch_size: the expected number of records in a step; give what `Training.batch_size` has.
        max_norm: bound of one record's gradient, over all parameters. Ready2Unlearn, Section 4.2.2, uses .1.
        noise_multiplier: standard deviation of the noise over `max_norm`; 0 clips only and promises nothing. The paper states none.
        sampling: "poisson" or "shuffled".
        chunk: records whose gradients are in memory at a time.
        vectorised: False takes one backward pass a record, slower, for models or tasks that vmap refuses.

    Raises:
        SettingsError: a setting out of range; in a step, a batch of `fit_` larger than `batch_size`.
        CapabilityError: in a step, batch normalisation, sparse tables, several processes, or what vmap refuses.

    Source: Abadi et al. (2016), Algorithm 1.
    """
    for name, value, low in (("batch_size", batch_size, 1), ("chunk", chunk, 1), ("noise_multiplier", noise_multiplier, 0)):
        if not value >= low:
            raise SettingsError(f"{name} must be >= {low}, got {value}")
    if not 0 < max_norm < float("inf"):
        raise SettingsError(f"max_norm must be > 0 and finite, got {max_norm}: the noise is a multiple of it")
    if sampling not in SAMPLINGS:
        raise SettingsError(f"sampling must be one of {', '.join(SAMPLINGS)}, got {sampling!r}")

    def step(s: StepInput) -> Terms:
        refuse_what_mixes(s.model)
        if (size := Processes.now().size) > 1:
            raise CapabilityError(
                f"DP-SGD in {size} processes would average {size} noises, less than was accounted for: train in one process"
            )
        if len(s.ids) > batch_size:
            raise SettingsError(f"private got batch_size={batch_size}, and a batch of {len(s.ids)}: give both the Training's batch_size")
        if sampling == "poisson":
            s = replace(s, ids=s.records.ids[s.rng.random(len(s.records)) < batch_size / len(s.records)])
        moved = {name: p for name, p in s.model.named_parameters() if p.requires_grad}
        sums = {name: torch.zeros_like(p) for name, p in moved.items()}
        total, n_clipped = torch.zeros((), device=s.device), 0
        for start in range(0, len(s.ids), chunk):
            part = replace(s, ids=s.ids[start : start + chunk])
            gradients, values = _vectorised(part) if vectorised and len(part.ids) > 1 else _one_by_one(part)
            norms = torch.stack([g.flatten(1).norm(dim=1) for g in gradients.values()]).norm(dim=0)  # (chunk,)
            scales = (max_norm / norms.clamp(min=max_norm)).to(norms)
            for name, g in gradients.items():
                sums[name] += torch.einsum("n,n...->...", scales.to(g), g)
            total, n_clipped = total + values.sum(), n_clipped + int((norms > max_norm).sum())
        noise = torch.Generator().manual_seed(int(s.rng.integers(2**62)))
        for name, p in moved.items():
            drawn = torch.randn(p.shape, generator=noise, dtype=p.dtype).to(p.device) * (noise_multiplier * max_norm)
            g = (sums[name] + drawn) / batch_size
            p.grad = g if p.grad is None else p.grad + g
        n = len(s.ids)
        return {"loss": total / n, "clipped_share": torch.tensor(n_clipped / n)} if n else {}  # an empty draw has no loss

    return step


def refuse_what_mixes(model: nn.Module) -> None:
    """Raises CapabilityError when a layer lets records meet, or gives gradients that cannot be taken apart."""
    for name, layer in model.named_modules():
        if isinstance(layer, nn.modules.batchnorm._NormBase) and (
            isinstance(layer, nn.modules.batchnorm._BatchNorm) or layer.track_running_stats
        ):
            raise CapabilityError(
                f"layer {name!r} ({type(layer).__name__}) keeps statistics of the batch, so no gradient belongs to one record: "
                "build the model without it, or with GroupNorm"
            )
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag) and layer.sparse:
            raise CapabilityError(
                f"layer {name!r} ({type(layer).__name__}) has sparse gradients, and noise must reach every row: build it with sparse=False"
            )


def _vectorised(s: StepInput) -> tuple[Gradients, Tensor]:
    """Returns the gradient of each record, (n, *shape) by name, and their objectives (n,)."""
    moved = {"model." + name: p.detach() for name, p in s.model.named_parameters() if p.requires_grad}
    loss = _Objective(s.task, s.model)

    def one(parameters: Gradients, batch: object) -> Tensor:
        found: Tensor = functional_call(loss, parameters, (batch,))
        return found

    try:
        parts, shape = pytree.tree_flatten(s.batch(s.ids))
        rows, dims = zip(*(_rows(part, len(s.ids)) for part in parts), strict=True)
        batches, in_dims = (pytree.tree_unflatten(some, shape) for some in (rows, dims))
        each: Callable[..., Any] = vmap(grad_and_value(one), in_dims=(None, in_dims), randomness="different")
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no batching rule, and would be looped over with a warning
            gradients, values = each(moved, batches)
    except CapabilityError:
        raise
    except (RuntimeError, TypeError, ValueError) as error:
        raise CapabilityError(
            f"vmap does not take {type(s.model).__name__} with {type(s.task).__name__} ({str(error).splitlines()[0]}): "
            "use private(vectorised=False), one backward pass a record"
        ) from error
    return {name.removeprefix("model."): g for name, g in gradients.items()}, values.detach()


def _rows(part: object, n: int) -> tuple[Tensor, int | None]:
    """Returns a part of a batch of n records as n batches of one record, and the dimension that counts them.

    A flag that all records share is handed over once, with None: vmap lets a task branch on it.
    """
    if not (isinstance(part, Tensor) and part.ndim and len(part) == n):
        what = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
        raise TypeError(f"a part of a batch of {n} is not a tensor of as many rows but {what}")
    if part.dtype == torch.bool and bool((part == part[:1]).all()):
        return part[:1], None
    return part.unsqueeze(1), 0


def _one_by_one(s: StepInput) -> tuple[Gradients, Tensor]:
    """Returns the same by one backward pass a record."""
    moved = {name: p for name, p in s.model.named_parameters() if p.requires_grad}
    rows, values = [], []
    for i in range(len(s.ids)):
        value = _Objective(s.task, s.model)(s.batch(s.ids[i : i + 1]))
        rows.append(torch.autograd.grad(value, list(moved.values()), allow_unused=True, materialize_grads=True))
        values.append(value.detach())
    return {name: torch.stack(parts) for name, parts in zip(moved, zip(*rows, strict=True), strict=True)}, torch.stack(values)


class _Objective(nn.Module):
    """The objective of a batch of one record as a module, so that functional_call can exchange the parameters below it."""

    def __init__(self, task: Task, model: nn.Module) -> None:
        super().__init__()
        self.task, self.model = task, model

    def forward(self, batch: object) -> Tensor:
        values = objective(self.task, self.model, batch)[1]
        if values.numel() != 1:
            raise CapabilityError(f"{type(self.task).__name__} gives {values.numel()} losses for one record: private training needs one")
        return values.sum()
