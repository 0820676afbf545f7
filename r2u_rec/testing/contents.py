"""Everything that a value holds, to search it for what should be gone and to compare it bit for bit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse


def leaves(value: Any, where: str = "fitted") -> Iterator[tuple[str, Any]]:
    """Yields (place, leaf) of everything that `value` holds: attributes, buffers, gradients, containers, tables; sparse ones dense.

    Raises:
        AssertionError: a thing of unknown kind, so that nothing is passed over in silence.
    """
    if value is None or isinstance(value, str | int | float | bool | np.generic | torch.dtype | torch.device) or _holds_code_alone(value):
        yield where, value
    elif isinstance(value, torch.Tensor):
        yield where, (value.to_dense() if value.layout != torch.strided else value).detach().numpy()
        yield from leaves(value.grad, f"{where}.grad") if value.is_leaf else ()
    elif isinstance(value, np.ndarray | pd.Index | pd.DataFrame):
        yield where, np.asarray(value)
    elif sparse.issparse(value):
        yield where, value.toarray()
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, f"{where}.{key}")
    elif isinstance(value, list | tuple | set | frozenset):
        for i, part in enumerate(value):
            yield from leaves(part, f"{where}[{i}]")
    elif isinstance(value, torch.nn.Module) or dataclasses.is_dataclass(value):
        yield from leaves(vars(value), where)
    else:
        raise AssertionError(f"{where} is a {type(value).__name__}: what does it hold?")


def content(value: Any) -> list[tuple[str, bytes | str]]:
    """Returns (place, bytes or text) of everything that `value` holds; equal lists mean that nothing differs."""
    return [
        (where, leaf.tobytes() if isinstance(leaf, np.ndarray) and leaf.dtype != object else repr(leaf)) for where, leaf in leaves(value)
    ]


def state_bytes(model: torch.nn.Module) -> bytes:
    """Returns every parameter and buffer of the model's state, as bytes."""
    return b"".join(value.detach().contiguous().numpy().tobytes() for value in model.state_dict().values())


def global_state() -> tuple[Any, ...]:
    """Returns the state of torch's and numpy's global generators, and the number of threads."""
    numpys: Any = np.random.get_state()  # noqa: NPY002
    return torch.random.get_rng_state().numpy().tobytes(), numpys[1].tobytes(), numpys[2], torch.get_num_threads()


def _holds_code_alone(value: Any) -> bool:
    """Returns whether the value is a message-passing layer of torch_geometric without parameters and buffers."""
    if not (isinstance(value, torch.nn.Module) and type(value).__module__.startswith("torch_geometric.nn.conv")):
        return False
    return not any(True for _ in value.parameters()) and not any(True for _ in value.buffers())
