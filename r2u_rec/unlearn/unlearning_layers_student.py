"""The student of unlearning layers: a copy of a frozen model whose chosen weights each carry a trainable low-rank addition."""

from __future__ import annotations

import copy
import fnmatch
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from r2u_rec.errors import SettingsError
from r2u_rec.unlearn.unlearning_layers_fusion import Layer


class LowRank(nn.Module):
    """Adds left @ right to a weight; zero at first, so that a fresh layer changes nothing.

    Args:
        shape: (n, d) of the weight.
        rank: columns of left (n, rank) and rows of right (rank, d), at most min(n, d).
    """

    def __init__(self, shape: tuple[int, int], rank: int, *, rng: np.random.Generator, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        rank = min(rank, *shape)
        right = rng.standard_normal((rank, shape[1])) / np.sqrt(rank)
        self.left = nn.Parameter(torch.zeros(shape[0], rank, dtype=dtype, device=device))
        self.right = nn.Parameter(torch.from_numpy(right).to(device, dtype))

    def delta(self) -> Tensor:
        return self.left @ self.right

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.delta()


class Student:
    """A copy of `model` that gives the task's losses, of which only the layers train.

    Attributes:
        model: the copy, in eval mode. layers: by the name of the weight that each adds to.
    """

    def __init__(self, model: nn.Module, names: list[str], rank: int, rng: np.random.Generator) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.layers: dict[str, LowRank] = {}
        self._modules: dict[str, tuple[nn.Module, str]] = {}
        for part in self.model.modules():
            if getattr(part, "sparse", None) is True:
                part.sparse = False  # type: ignore[assignment]  # the gradient goes on to both factors, which a sparse one cannot
        for name in names:
            path, _, attribute = name.rpartition(".")
            module, weight = self.model.get_submodule(path), self.model.get_parameter(name)
            layer = LowRank((weight.shape[0], weight.shape[1]), rank, rng=rng, dtype=weight.dtype, device=weight.device)
            parametrize.register_parametrization(module, attribute, layer)
            self.layers[name], self._modules[name] = layer, (module, attribute)

    def parameters(self) -> list[nn.Parameter]:
        """Returns what trains: the factors of every layer."""
        return [p for layer in self.layers.values() for p in layer.parameters()]

    def trained(self, passes: Callable[[nn.Module], None]) -> dict[str, Layer]:
        """Returns the layers with the features that they meet while `passes` runs the model.

        A weight whose module is never called, since something else reads it (a bare table, a projection inside attention), counts each
        row that it changes as met once.
        """
        deltas = {name: layer.delta().detach().clone() for name, layer in self.layers.items()}
        met: dict[str, Tensor] = {}
        with self._watched(met), torch.no_grad():
            passes(self.model)
        changed = {name: (delta != 0).any(1).to(torch.float64) for name, delta in deltas.items()}
        return {name: Layer(delta, met.get(name, changed[name])) for name, delta in deltas.items()}

    @contextmanager
    def _watched(self, met: dict[str, Tensor]) -> Iterator[None]:
        def hook(name: str, n_rows: int) -> Callable[[nn.Module, Any], None]:
            def note(module: nn.Module, args: Any) -> None:
                x = args[0].detach()
                if isinstance(module, nn.Embedding):
                    part = torch.bincount(x.flatten(), minlength=n_rows).to(torch.float64)
                else:
                    rows = x.reshape(-1, x.shape[-1]).to(torch.float64)
                    part = rows.T @ rows
                met[name] = met[name] + part if name in met else part

            return note

        handles = []
        for name, (module, attribute) in self._modules.items():
            if (isinstance(module, nn.Embedding | nn.Linear) and attribute == "weight") or attribute == "in_proj_weight":
                handles.append(module.register_forward_pre_hook(hook(name, len(self.layers[name].left))))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def weights_of(model: nn.Module, patterns: tuple[str, ...] | None) -> list[str]:
    """Returns the names of the trainable matrices that match a shell pattern, all when there are none.

    Raises:
        SettingsError: no matrix matches.
    """
    matrices = [name for name, p in model.named_parameters() if p.ndim == 2 and p.requires_grad]
    names = [name for name in matrices if patterns is None or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    if not names:
        raise SettingsError(f"tables={list(patterns or ())} matches no trainable matrix: name some of {matrices}")
    return names
