"""Made texts in three groups, tiny models for them, and a loss written as a loop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from r2u_rec.language.documents import Documents
from r2u_rec.language.models import tiny_gpt2, tiny_llama
from r2u_rec.language.task import TextTask
from r2u_rec.language.texts import Texts

_RNG = np.random.default_rng(7)
_WORDS = {
    "sea": ["wave", "salt", "ship", "tide", "gull", "reef"],
    "sky": ["cloud", "star", "wind", "moon", "rain", "bird"],
    "land": ["hill", "tree", "road", "farm", "stone", "field"],
}
TEXTS = Texts(
    tuple(f"{n} " + " ".join(_RNG.choice(words, 1 + n % 4)) for words in _WORDS.values() for n in range(16)),
    tuple(group for group in _WORDS for _ in range(16)),
)
N_TOKENS = 300
BUILDERS = {
    "gpt2": tiny_gpt2(N_TOKENS, 16, width=16, layers=2, heads=2),
    "llama": tiny_llama(N_TOKENS, 16, width=16, layers=2, heads=2),
}


def task_of(build: Any = BUILDERS["gpt2"], **more: Any) -> TextTask:
    return TextTask(build, 0, N_TOKENS, **more)


def batch_of(task: TextTask, documents: Documents, ids: Any = None) -> Any:
    return task.batch(documents, documents.ids if ids is None else np.asarray(ids), rng=np.random.default_rng(0))


def repadded(documents: Documents, token: int) -> Documents:
    """The same documents with another number behind their ends."""
    inside = np.arange(documents.length) < documents.lengths[:, None]
    return replace(documents, tokens=np.where(inside, documents.tokens, token).astype(np.int32))


@torch.no_grad()
def naive_losses(model: nn.Module, documents: Documents, counted: Any = None) -> torch.Tensor:
    """(n,) the mean of -log p of each token given those before it: one document, one position at a time, no padding anywhere."""
    found = []
    for row, (tokens, length) in enumerate(zip(documents.tokens, documents.lengths, strict=True)):
        values = []
        for at in range(1, int(length)):
            if counted is None or counted[row, at]:
                seen = torch.from_numpy(tokens[None, :at].astype(np.int64))
                values.append(-torch.log_softmax(model(input_ids=seen).logits[0, -1], 0)[int(tokens[at])])
        found.append(torch.stack(values).mean() if values else torch.zeros(()))
    return torch.stack(found)


def state_bytes(model: nn.Module, names: Any = None) -> bytes:
    """Every parameter and buffer of the model (those that `names` accepts), as bytes."""
    return b"".join(v.detach().numpy().tobytes() for n, v in model.state_dict().items() if names is None or names(n))
