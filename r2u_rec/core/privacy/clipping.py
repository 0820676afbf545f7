"""Clipped training: in every step the gradient that revocable records contribute is held below a norm."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from r2u_rec.core.step import Step, StepInput, Terms, member, objective
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids


def clipped(forget: Ids, max_norm: float) -> Step:
    """Returns the step in which what revocable records add to the mean gradient is clipped to the norm `max_norm`, then added.

    The bound is on the whole part, over all parameters, as it stands in the mean over the batch; not on each record (that is
    `core.privacy.private`). Both parts come from one forward pass, so batch statistics are those of a standard step. A batch
    without revocable records is a standard step. The term "forget_norm" is the norm before clipping.

    Args:
        forget: ids of the revocable records, ascending.
        max_norm: > 0; infinity never clips.

    Raises:
        SettingsError: max_norm not above 0; in a step, a task that gives no loss for each record.

    Source: Ready2Unlearn, Section 4.1.2, which clips the gradient of revocable data and states neither the bound nor the part
        that is clipped; clipping by the norm is Mikolov (2012).
    """
    if not max_norm > 0:
        raise SettingsError(f"max_norm must be > 0, got {max_norm}: 0 would train without the revocable records")

    def step(s: StepInput) -> Terms:
        _, values = objective(s.task, s.model, s.batch(s.ids))
        if len(values) != len(s.ids):
            raise SettingsError(f"clipping needs one loss a record, got {len(values)} losses for {len(s.ids)} records")
        revocable = torch.from_numpy(member(s.ids, forget)).to(values.device)
        terms: Terms = {"loss": values.detach().mean()}
        if revocable.any():
            moved = [p for p in s.model.parameters() if p.requires_grad]
            part = values[revocable].sum() / len(values)
            found = torch.autograd.grad(part, moved, retain_graph=True, allow_unused=True)
            terms["forget_norm"] = norm_of([g for g in found if g is not None])
            scale = min(1.0, max_norm / max(float(terms["forget_norm"]), math.ulp(0.0)))
            for p, g in zip(moved, found, strict=True):
                if g is not None:
                    _add(p, g * scale)
        if not revocable.all():
            (values[~revocable].sum() / len(values)).backward()  # type: ignore[no-untyped-call]
        return terms

    return step


def norm_of(gradients: list[Tensor]) -> Tensor:
    """Returns the Euclidean norm of all `gradients` together; rows that a sparse one names twice are added first."""
    dense = [g.coalesce().values() if g.is_sparse else g for g in gradients]
    norm: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in dense]))
    return norm


def _add(p: torch.nn.Parameter, g: Tensor) -> None:
    """Adds `g` to the parameter's gradient, either of them sparse or dense."""
    if p.grad is None:
        p.grad = g
    else:
        p.grad = g + p.grad if p.grad.is_sparse else p.grad + g
