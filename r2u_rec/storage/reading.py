"""Puts memories and models together again from the tree and the tensors that `writing.Writer` made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from r2u_rec.errors import DataError
from r2u_rec.storage.kinds import class_of
from r2u_rec.storage.writing import Tree

STRANGER = "the settings of another model do not belong to it: use those that it was trained with"


class Known(Mapping[str, Any]):
    """A mapping that says which name is missing, as a DataError."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values, self._where = values, where

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            raise DataError(f"the folder holds no {name!r} of {self._where}: it was written by another version, train again")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass
class Reader:
    """Rebuilds objects; one tensor that two of them held, and one model, is one again.

    Attributes:
        tensors: by path. task: builds models that do not say themselves what is kept; None where none has to be built.
        records: those that the whole stands on.
    """

    tensors: Mapping[str, Tensor]
    task: Any
    records: Any
    models: dict[str, nn.Module] = field(default_factory=dict)

    def memory(self, tree: Tree | None, at: str) -> Any:
        """Returns the memory; None for None."""
        return None if tree is None else class_of(tree["kind"]).from_parts(TreeSource(self, tree, at, self.records))

    def model(self, tree: Tree, at: str, records: Any) -> nn.Module:
        """Returns the model, attached to `records`, in the mode that it was in."""
        if "same_as" in tree:
            return self.shared(tree["same_as"])
        made = self._rebuilt(tree, records) if "state" in tree else class_of(tree["kind"]).from_parts(TreeSource(self, tree, at, records))
        if not isinstance(made, nn.Module):
            raise DataError(f"{at} is stored as a {tree['class']}, which is no model: the folder was written by another version")
        if "state" in tree:
            self.task.attach(made, records)
        made.eval()
        for module in made.modules() if tree["training"] else ():
            module.training = True
        self.models[at] = made
        return made

    def shared(self, at: str) -> nn.Module:
        """Returns the model that was rebuilt before at this path."""
        return Known(self.models, "models")[at]  # type: ignore[no-any-return]

    def named(self, paths: Mapping[str, str]) -> dict[str, Tensor]:
        """Returns the tensors at the paths."""
        known = Known(self.tensors, "tensors")
        return {name: known[path] for name, path in paths.items()}

    def _rebuilt(self, tree: Tree, records: Any) -> nn.Module:
        if not hasattr(self.task, "model"):
            raise DataError(f"the folder holds a {tree['class']}, which only its task can build, and there is none: {STRANGER}")
        fresh: nn.Module = self.task.model(records, seed=tree.get("seed", 0))
        there = {name: (tuple(value.shape), value.dtype) for name, value in fresh.state_dict().items()}
        state = self.named(tree["state"])
        if type(fresh).__name__ != tree["class"] or there != {name: (tuple(t.shape), t.dtype) for name, t in state.items()}:
            raise DataError(
                f"the folder holds a {tree['class']} of other sizes or kind than the {type(fresh).__name__} of the task: {STRANGER}"
            )
        with torch.no_grad():
            fresh.load_state_dict(state)
        return fresh


@dataclass(frozen=True)
class TreeSource:
    """The `core.stored.Source` of one node."""

    reader: Reader
    tree: Tree
    at: str
    records: Any

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        return Known(self.reader.named(self.tree["tensors"]), self.tree["kind"])

    @property
    def values(self) -> Mapping[str, Any]:
        return Known(self.tree["values"], self.tree["kind"])

    def inner(self, name: str) -> Any:
        """Returns the part `name`."""
        return self.reader.memory(Known(self.tree["inner"], self.tree["kind"])[name], f"{self.at}/{name}")

    def model(self, name: str, records: Any) -> nn.Module:
        """Returns the model `name` attached to `records`."""
        return self.reader.model(Known(self.tree["models"], self.tree["kind"])[name], f"{self.at}/{name}", records)

    def shared(self, name: str) -> nn.Module:
        """Returns the model that another part holds."""
        return self.reader.shared(Known(self.tree["shared"], self.tree["kind"])[name])
