"""Products with the Hessian of a summed objective, over all parameters or some rows of some tables, of any model and task."""

from __future__ import annotations

import copy
import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic

import torch
from torch import Tensor, nn

from r2u_rec.core.protocols import B, Rec, Task
from r2u_rec.core.step import objective, to_device
from r2u_rec.errors import SettingsError
from r2u_rec.rng import stream


def dense_twin(task: Task[Rec], model: nn.Module, records: Rec | None = None) -> nn.Module:
    """Returns a copy in eval mode with the same parameter values that gives dense gradients, which second derivatives need.

    Embeddings with `sparse=True` differentiate once only; in the copy it is False.

    Args:
        records: the copy is attached to them: graphs are rebuilt from them, parameters do not change; None keeps the model's own
            state.
    """
    twin = copy.deepcopy(model)
    if records is not None:
        task.attach(twin, records)
        with torch.no_grad():
            for p, original in zip(twin.parameters(), model.parameters(), strict=True):
                p.copy_(original)
    for module in twin.modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag):
            module.sparse = False
    return twin.eval()


class FlatParameters:
    """The parameters, or rows of them, that may move, seen as one flat float64 vector of length m."""

    def __init__(self, model: nn.Module, tables: Sequence[str] | None = None, rows: Mapping[str, Tensor] | None = None) -> None:
        """Chooses them.

        Args:
            tables: shell patterns of parameter names; None takes all that are trained.
            rows: name -> (k,) int64 rows that may move; a parameter without a name there does not. None takes all rows.

        Raises:
            SettingsError: nothing is left that may move.
        """
        trained = [name for name, p in model.named_parameters() if p.requires_grad]
        matched = [n for n in trained if tables is None or any(fnmatch.fnmatchcase(n, pattern) for pattern in tables)]
        self.names = [n for n in matched if rows is None or n in rows]
        if not self.names:
            where = f" and rows of {sorted(rows)}" if rows is not None else ""
            raise SettingsError(f"tables={list(tables or ())}{where} match no trainable parameter: name some of {trained}")
        self.rows = {name: rows[name] for name in self.names} if rows is not None else None
        self.shapes = {name: p.shape for name, p in model.named_parameters() if name in self.names}

    def of(self, model: nn.Module) -> list[nn.Parameter]:
        """Returns the parameters of `model` that may move, whole."""
        parameters = dict(model.named_parameters())
        return [parameters[name] for name in self.names]

    def flat(self, values: Sequence[Tensor | None]) -> Tensor:
        """Returns (m,) the moving entries of whole gradients, 0 for None."""
        parts = []
        for name, value in zip(self.names, values, strict=True):
            whole = torch.zeros(self.shapes[name], dtype=torch.float64) if value is None else value.detach()
            parts.append((whole if self.rows is None else whole[self.rows[name]]).flatten().double())
        return torch.cat(parts)

    def split(self, vector: Tensor) -> list[Tensor]:
        """Returns the parts of (m,) by parameter: whole ones, or (k, ...) the rows that may move."""
        shapes = [
            shape if self.rows is None else torch.Size((len(self.rows[name]), *shape[1:]))
            for name, shape in zip(self.names, self.shapes.values(), strict=True)
        ]
        parts = torch.split(vector, [shape.numel() for shape in shapes])
        return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]

    def whole(self, vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
        """Returns whole tensors of the kind of `like` with the entries of `vector` (m,), 0 elsewhere."""
        parts = [part.to(p) for part, p in zip(self.split(vector), like, strict=True)]
        if self.rows is None:
            return parts
        return [torch.zeros_like(p).index_copy_(0, self.rows[name], part) for name, part, p in zip(self.names, parts, like, strict=True)]

    @torch.no_grad()
    def add_(self, model: nn.Module, vector: Tensor) -> None:
        """Adds the (m,) vector to the entries of `model` that may move; all others stay, bit for bit."""
        for name, p, part in zip(self.names, self.of(model), self.split(vector), strict=True):
            if self.rows is None:
                p.add_(part.to(p))
            else:
                p.index_add_(0, self.rows[name], part.to(p))


def batches(task: Task[Rec, B], records: Rec, size: int, *, n_draws: int, seed: int, name: str, device: torch.device) -> Iterator[B]:
    """Yields batches of at most `size` records, all of them `n_draws` times; the same seed and name give the same draws."""
    for draw in range(n_draws):
        for at in range(0, len(records.ids), size):
            rng = stream(seed, name, draw, at)
            yield to_device(task.batch(records, records.ids[at : at + size], rng=rng), device)


def summed_gradient(
    task: Task[Any, B],
    model: nn.Module,
    moving: FlatParameters,
    found: Iterator[B],
    share: float = 1.0,
    losses: Callable[[nn.Module, B], Tensor] | None = None,
) -> Tensor:
    """Returns (m,) the gradient of the summed objective over the batches `found`, times `share`.

    Args:
        losses: (model, batch) -> (n,) in place of the objective.
    """
    total = moving.flat([None] * len(moving.names))
    for batch in found:
        values = objective(task, model, batch)[1] if losses is None else losses(model, batch)
        total += share * moving.flat(torch.autograd.grad(values.sum(), moving.of(model), allow_unused=True))
    return total


class HessianProduct(Generic[B]):
    """v -> H v (m,), H the Hessian of the summed objective over batches that are drawn once, so that it is one symmetric matrix.

    By two backward passes. A single batch keeps the graph of its gradient, several are differentiated anew at each product.
    """

    def __init__(self, task: Task[Any, B], model: nn.Module, moving: FlatParameters, found: Sequence[B]) -> None:
        self.task, self.model, self.moving, self.found = task, model, moving, found
        self._kept = self._gradients(found[0]) if len(found) == 1 else None

    def __call__(self, vector: Tensor) -> Tensor:
        parameters = self.moving.of(self.model)
        along = self.moving.whole(vector, parameters)
        total = torch.zeros_like(vector)
        for batch in self.found:
            gradients = self._kept if self._kept is not None else self._gradients(batch)
            pairs = [(g, v) for g, v in zip(gradients, along, strict=True) if g is not None and g.requires_grad]
            if pairs:
                second = torch.autograd.grad(
                    [g for g, _ in pairs], parameters, [v for _, v in pairs], allow_unused=True, retain_graph=self._kept is not None
                )
                total += self.moving.flat(second)
        return total

    def _gradients(self, batch: B) -> tuple[Tensor | None, ...]:
        value = objective(self.task, self.model, batch)[1].sum()
        return torch.autograd.grad(value, self.moving.of(self.model), create_graph=True, allow_unused=True)
