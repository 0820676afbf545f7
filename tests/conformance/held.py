"""Everything that a value holds, to search it for what should be gone and to compare it bit for bit."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from torch_geometric.nn import LGConv


def leaves(value: Any, where: str = "fitted") -> Any:
    """Yields (place, leaf) of everything that `value` holds; a thing of unknown kind fails, so that nothing is passed over."""
    if value is None or isinstance(value, str | int | float | bool | np.generic | torch.dtype | torch.device | LGConv):
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


def content(value: Any) -> list[Any]:
    return [
        (where, leaf.tobytes() if isinstance(leaf, np.ndarray) and leaf.dtype != object else repr(leaf)) for where, leaf in leaves(value)
    ]
