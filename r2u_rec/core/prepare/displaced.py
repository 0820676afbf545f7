"""displaced: a context in which a model's parameters are moved, and restored bit for bit on the way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from r2u_rec.core.rowwise import touched_rows


class Displacement:
    """Moves parameters by name and keeps one copy of the values before the move; of tables only the moved rows."""

    def __init__(self, model: nn.Module) -> None:
        self._parameters = dict(model.named_parameters())
        self._saved: list[tuple[Tensor, Tensor | None, Tensor]] = []

    @torch.no_grad()
    def move(self, direction: Mapping[str, Tensor], alpha: float) -> None:
        """Adds alpha * direction; a sparse direction moves only the rows that it names."""
        for name, d in direction.items():
            p = self._parameters[name]
            if d.is_sparse:
                rows, values = touched_rows(d)
                self._saved.append((p, rows, p.index_select(0, rows)))
                p.index_add_(0, rows, values, alpha=alpha)
            else:
                self._saved.append((p, None, p.detach().clone()))
                p.add_(d, alpha=alpha)

    @torch.no_grad()
    def restore(self) -> None:
        """Restores every moved value, last move first."""
        while self._saved:
            p, rows, values = self._saved.pop()
            if rows is None:
                p.copy_(values)
            else:
                p.index_copy_(0, rows, values)


@contextmanager
def displaced(model: nn.Module) -> Iterator[Displacement]:
    """Yields a `Displacement`; on every way out parameters and buffers are what they were, bit for bit.

    Gradients gathered inside stay: this is how first-order meta-gradients taken at the displaced point reach the
    optimiser that steps from theta. Buffers that a forward pass changes (running statistics) are restored too.
    """
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    displacement = Displacement(model)
    try:
        yield displacement
    finally:
        displacement.restore()
        with torch.no_grad():
            for module, name, buffer, value in buffers:
                module._buffers[name] = buffer.copy_(value)
