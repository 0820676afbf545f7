"""One pass of a causal language model over documents: in eval mode, without gradients, in batches cut to their longest document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from r2u_rec.errors import SettingsError
from r2u_rec.language.documents import Documents

Values = NDArray[np.float64]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[torch.device]:
    """Puts the model into eval mode, without gradients, and gives its device; each part comes back in the mode it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield next(iter(model.parameters())).device
    finally:
        for module, mode in modes:
            module.training = mode


def document_batches(docs: Documents, batch_size: int, device: torch.device) -> Iterator[tuple[Tensor, NDArray[np.int64]]]:
    """Yields (n, L) int64 tokens, cut to the longest document of the batch, and (n,) lengths, in the order of the documents."""
    if batch_size < 1:
        raise SettingsError(f"batch_size must be >= 1, got {batch_size}")
    for start in range(0, len(docs), batch_size):
        lengths = docs.lengths[start : start + batch_size]
        tokens = docs.tokens[start : start + batch_size, : lengths.max()].astype(np.int64)
        yield torch.from_numpy(tokens).to(device), lengths


def next_logits(model: Any, tokens: Tensor) -> Tensor:
    """Returns (n, L - 1, vocabulary) the logits of tokens 1..L-1."""
    found = model(input_ids=tokens)
    logits: Tensor = found if isinstance(found, Tensor) else found.logits
    return logits[:, :-1]
