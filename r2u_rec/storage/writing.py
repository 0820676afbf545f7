"""Takes memories and models apart into one tree of JSON and files of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from r2u_rec.core.stored import HasSeed, Stored
from r2u_rec.errors import DataError
from r2u_rec.storage.kinds import kind_of

Tree = dict[str, Any]


@dataclass
class Writer:
    """Collects tensors by the path of what holds them; the same tensor or model met again becomes a reference.

    Attributes:
        tensors: path -> tensor on the CPU, contiguous.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    _seen: dict[Any, str] = field(default_factory=dict)
    _models: dict[int, str] = field(default_factory=dict)

    def memory(self, value: object, at: str) -> Tree | None:
        """Returns the tree of a memory; None for None."""
        return None if value is None else self._parts(value, at)

    def model(self, model: nn.Module, at: str) -> Tree:
        """Returns the tree of a model: its own parts, or its class and state dict, from which its task rebuilds it."""
        if id(model) in self._models:
            return {"same_as": self._models[id(model)]}
        self._models[id(model)] = at
        tree: Tree = {"class": type(model).__name__, "training": model.training}
        if isinstance(model, Stored):
            return tree | self._parts(model, at)
        if isinstance(model, HasSeed):
            tree["seed"] = int(model.seed)
        return tree | {"state": self._named(model.state_dict(), at)}

    def _parts(self, value: object, at: str) -> Tree:
        kind = kind_of(value)
        assert isinstance(value, Stored)
        parts = value.parts()
        for name in (*parts.tensors, *parts.inner, *parts.models):
            if "/" in name:
                raise DataError(f"a part of {type(value).__name__} is called {name!r}: names hold no slash")
        tree: Tree = {"kind": kind, "values": dict(parts.values), "tensors": self._named(parts.tensors, at)}
        tree["inner"] = {name: self.memory(each, f"{at}/{name}") for name, each in parts.inner.items()}
        tree["models"] = {name: self.model(each, f"{at}/{name}") for name, each in parts.models.items()}
        tree["shared"] = {name: self._held(each, type(value).__name__) for name, each in parts.shared.items()}
        return tree

    def _held(self, model: nn.Module, owner: str) -> str:
        if id(model) not in self._models:
            raise DataError(f"a {owner} is stored with the memory that holds its models, and this one has none: pass the Fitted of `fit`")
        return self._models[id(model)]

    def _named(self, tensors: Mapping[str, Any], at: str) -> dict[str, str]:
        """Returns name -> path in the files."""
        paths = {}
        for name, value in tensors.items():
            if not isinstance(value, Tensor) or value.layout != torch.strided:
                raise DataError(f"{at}/{name} is no dense tensor but a {type(value).__name__}: store its values and indices")
            one = value.detach()
            same = (one.data_ptr(), one.dtype, tuple(one.shape), one.stride(), one.device)
            path = self._seen.get(same) if one.numel() else None
            if path is None:
                path = self._seen[same] = f"{at}/{name}"
                self.tensors[path] = one.cpu().contiguous()
            paths[name] = path
        return paths
