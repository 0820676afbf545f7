"""What a memory or a model says of itself so that it can be written to files: tensors, plain values, and the parts that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True)
class StoredParts:
    """Something taken apart. Names are free within one object; no name holds a slash.

    Attributes:
        tensors: any dtype; the same tensor in two places is written once and is one tensor again when it comes back.
        values: JSON values.
        inner: parts that take themselves apart in turn; None stays None.
        models: models that come back with records that the owner names, see `StoredSource.model`.
        shared: models that another part of the same `Fitted` has among its `models`.
    """

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    values: Mapping[str, Json] = field(default_factory=dict)
    inner: Mapping[str, Stored | None] = field(default_factory=dict)
    models: Mapping[str, nn.Module] = field(default_factory=dict)
    shared: Mapping[str, nn.Module] = field(default_factory=dict)


class StoredSource(Protocol):
    """What `StoredParts` have become in files; a name that was not written raises DataError.

    Attributes:
        records: those that the whole stands on.
    """

    @property
    def tensors(self) -> Mapping[str, Tensor]: ...
    @property
    def values(self) -> Mapping[str, Any]: ...
    @property
    def records(self) -> Any: ...

    def inner(self, name: str) -> Any:
        """Returns the part `name`, put together again."""
        ...

    def model(self, name: str, records: Any) -> nn.Module:
        """Returns the model `name` as it was, attached to `records`."""
        ...

    def shared(self, name: str) -> nn.Module:
        """Returns the model that another part holds; the same object."""
        ...


@runtime_checkable
class Stored(Protocol):
    """A memory or a model that says itself what is written of it. A model without this is rebuilt by its task from its state dict.

    Attributes:
        stored_as: its name in files, which never changes while what it writes can be read.
    """

    stored_as: ClassVar[str]

    def parts(self) -> StoredParts:
        """Returns what is kept; nothing is copied."""
        ...

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the object whose parts `source` has."""
        ...


@runtime_checkable
class HasSeed(Protocol):
    """A model that draws something of its own after training, by the seed that it was made with."""

    seed: int


def as_tensor(array: NDArray[Any]) -> Tensor:
    """Returns the values of an array as a tensor of the same dtype; shared where the array may be written to."""
    return torch.from_numpy(np.ascontiguousarray(array) if array.flags.writeable else array.copy())
