"""The student of unlearning layers: a copy of a frozen model whose chosen weights each carry a trainable low-rank addition."""

from __future__ import annotations

import copy
import fnmatch
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from r2u_rec.core.rowwise import RowwiseAdam, touched_rows
from r2u_rec.errors import SettingsError
from r2u_rec.unlearn.layers.fusion import Layer


@dataclass(frozen=True)
class LowRank:
    """A trainable addition left @ right to a weight; zero at first, so that a fresh layer changes nothing.

    Attributes:
        frozen: (n, d) the weight that it adds to. left: (n, rank). right: (rank, d).
    """

    frozen: Tensor
    left: Tensor
    right: Tensor

    def delta(self) -> Tensor:
        """Returns (n, d) what is added."""
        return self.left @ self.right

    def set_gradients_(self, grad: Tensor) -> None:
        """Turns the gradient of the weight, dense or sparse, into that of both factors by the chain rule."""
        if grad.is_sparse:
            rows, values = touched_rows(grad)
            self.left.grad = torch.zeros_like(self.left).index_add_(0, rows, values @ self.right.T)
            self.right.grad = self.left[rows].T @ values
        else:
            self.left.grad, self.right.grad = grad @ self.right.T, self.left.T @ grad


class Student:
    """A copy of `model` in which only low-rank layers on chosen weights train.

    The weights stay ordinary parameters of an ordinary model, whose values are set to frozen + left @ right after each step, so that
    nothing that reads them need know of layers.

    Attributes:
        model: the copy, in eval mode. layers: by the name of the weight that each adds to.
    """

    def __init__(self, model: nn.Module, names: list[str], rank: int, lr: float, rng: np.random.Generator) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.weights = {name: self.model.get_parameter(name).requires_grad_() for name in names}
        self.layers: dict[str, LowRank] = {}
        for name, weight in self.weights.items():
            n, d = weight.shape
            r = min(rank, n, d)
            right = torch.from_numpy(rng.standard_normal((r, d)) / np.sqrt(r)).to(weight)
            self.layers[name] = LowRank(weight.detach().clone(), torch.zeros(n, r).to(weight), right)
        self.optimizer = RowwiseAdam([part for layer in self.layers.values() for part in (layer.left, layer.right)], lr=lr)

    def step(self, loss: Tensor) -> None:
        """Moves the layers by one step of Adam down the loss, and the weights with them."""
        gradients = torch.autograd.grad(loss, list(self.weights.values()), allow_unused=True)
        with torch.no_grad():
            for layer, grad in zip(self.layers.values(), gradients, strict=True):
                if grad is not None:
                    layer.set_gradients_(grad)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            for weight, layer in zip(self.weights.values(), self.layers.values(), strict=True):
                torch.add(layer.frozen, layer.delta(), out=weight)

    def trained(self, passes: Callable[[nn.Module], None]) -> dict[str, Layer]:
        """Returns the layers with the features that they meet while `passes` runs the model.

        A weight whose module is never called, since something else reads it (a bare table, a projection inside attention), counts each
        row that it changes as met once.
        """
        deltas = {name: layer.delta() for name, layer in self.layers.items()}
        met: dict[str, Tensor] = {}
        with self._watched(met), torch.no_grad():
            passes(self.model)
        changed = {name: (delta != 0).any(1).to(torch.float64) for name, delta in deltas.items()}
        return {name: Layer(delta, met.get(name, changed[name])) for name, delta in deltas.items()}

    @contextmanager
    def _watched(self, met: dict[str, Tensor]) -> Iterator[None]:
        def hook(name: str, n_rows: int) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
            def note(module: nn.Module, args: tuple[Tensor, ...]) -> None:
                x = args[0].detach()
                if isinstance(module, nn.Embedding):
                    part = torch.bincount(x.flatten(), minlength=n_rows).to(torch.float64)
                else:
                    rows = x.reshape(-1, x.shape[-1]).to(torch.float64)
                    part = rows.T @ rows
                met[name] = met[name] + part if name in met else part

            return note

        handles = []
        for name in self.layers:
            path, _, attribute = name.rpartition(".")
            module = self.model.get_submodule(path)
            if (isinstance(module, nn.Embedding | nn.Linear) and attribute == "weight") or attribute == "in_proj_weight":
                handles.append(module.register_forward_pre_hook(hook(name, len(self.layers[name].left))))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def matching_matrix_names(model: nn.Module, patterns: tuple[str, ...] | None) -> list[str]:
    """Returns the names of the trainable matrices that match a shell pattern, all when there are none.

    Raises:
        SettingsError: no matrix matches.
    """
    matrices = [name for name, p in model.named_parameters() if p.ndim == 2 and p.requires_grad]
    names = [name for name in matrices if patterns is None or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    if not names:
        raise SettingsError(f"tables={list(patterns or ())} matches no trainable matrix: name some of {matrices}")
    return names
