"""What a causal language model makes of documents: losses, perplexity, distance between two models, hidden states.

Everything that is measured on documents is to be had from here, also what `memorisation` and `membership` define. A model comes
back in the mode it had.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from r2u_rec.core.step import to_device
from r2u_rec.errors import CapabilityError, DivergenceError, SettingsError
from r2u_rec.language.documents import Documents
from r2u_rec.language.membership import Auc, auc_with_error, min_k, min_k_auc, privleak
from r2u_rec.language.memorisation import continuations, extraction_strength, rouge_l, verbatim, words
from r2u_rec.language.passes import Values, document_batches, evaluating, next_logits

__all__ = [
    "Auc",
    "auc_with_error",
    "continuations",
    "document_losses",
    "extraction_strength",
    "min_k",
    "min_k_auc",
    "perplexity",
    "pooled_states",
    "privleak",
    "rouge_l",
    "token_kl",
    "token_losses",
    "verbatim",
    "words",
]


def document_losses(model: nn.Module, task: Any, docs: Documents, *, batch_size: int = 16) -> Values:
    """Returns (n,) the loss in nats of each document as the task defines it: the mean over its tokens.

    Raises:
        DivergenceError: a loss is not finite.
    """
    rng = np.random.default_rng(0)  # a text task draws nothing
    found = [np.empty(0)]
    with evaluating(model) as device:
        for start in range(0, len(docs), batch_size):
            batch = to_device(task.batch(docs, docs.ids[start : start + batch_size], rng=rng), device)
            found.append(task.losses(model, batch).double().cpu().numpy())
    losses = np.concatenate(found)
    _refuse_broken(losses, docs)
    return losses


def token_losses(model: nn.Module, docs: Documents, *, batch_size: int = 16) -> list[Values]:
    """Returns for each document of length l the (l - 1,) losses in nats of tokens 1..l-1, given those before them.

    Raises:
        DivergenceError: a loss is not finite.
    """
    found: list[Values] = []
    with evaluating(model) as device:
        for tokens, lengths in document_batches(docs, batch_size, device):
            logits, targets = next_logits(model, tokens), tokens[:, 1:]
            losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
            rows = losses.double().cpu().numpy()
            found += [row[: length - 1] for row, length in zip(rows, lengths, strict=True)]
    _refuse_broken(np.array([row.mean() for row in found]), docs)
    return found


def perplexity(model: nn.Module, docs: Documents, *, batch_size: int = 16) -> float:
    """Returns exp of the mean loss over all tokens of all documents: long documents count more.

    Infinite where it exceeds the largest float, as for a destroyed model.

    Raises:
        SettingsError: no documents. DivergenceError: a loss is not finite.
    """
    if len(docs) == 0:
        raise SettingsError("the perplexity of 0 documents is not defined: name some")
    mean = float(np.concatenate(token_losses(model, docs, batch_size=batch_size)).mean())
    return math.exp(mean) if mean < 709 else math.inf


def token_kl(model_a: nn.Module, model_b: nn.Module, docs: Documents, *, batch_size: int = 16) -> float:
    """Returns KL(a || b) in nats of the next-token distributions, the mean over all positions that predict a token.

    To say how far an unlearned model is from a retrained one, let the retrained model be `model_a`.

    Raises:
        SettingsError: no documents, or vocabularies of different sizes.
        DivergenceError: the distance is not finite.
    """
    if len(docs) == 0:
        raise SettingsError("the KL divergence on 0 documents is not defined: name some")
    total = 0.0
    with evaluating(model_a) as device, evaluating(model_b) as other:
        for tokens, lengths in document_batches(docs, batch_size, device):
            a, b = next_logits(model_a, tokens), next_logits(model_b, tokens.to(other)).to(device)
            if a.shape != b.shape:
                raise SettingsError(f"two models are compared on one vocabulary, got {a.shape[-1]} and {b.shape[-1]} tokens")
            a, b = a.double().log_softmax(-1), b.double().log_softmax(-1)
            each = F.kl_div(b, a, reduction="none", log_target=True).sum(-1)  # (n, L - 1)
            total += float(each[_predicts(each, lengths)].sum())
    mean = total / int((docs.lengths - 1).sum())
    if not math.isfinite(mean):
        raise DivergenceError(f"the KL divergence on {len(docs)} documents is {mean}: one of the models has diverged")
    return mean


def pooled_states(model: Any, docs: Documents, *, batch_size: int = 16) -> NDArray[np.float32]:
    """Returns (n, width) the last hidden states, averaged over each document's tokens (not over padding).

    Raises:
        CapabilityError: the model gives no hidden states.

    Source: Ready2Unlearn, Section 5.5, footnote 12.
    """
    found = []
    with evaluating(model) as device:
        for tokens, lengths in document_batches(docs, batch_size, device):
            try:
                states = model(input_ids=tokens, output_hidden_states=True).hidden_states[-1]  # (n, L, width)
            except (TypeError, AttributeError) as error:
                raise CapabilityError(
                    f"{type(model).__name__} gives no hidden states: it must take output_hidden_states=True, as transformers' models do"
                ) from error
            real = _first(states.shape[1], lengths).to(device)[..., None]
            found.append(((states * real).sum(1) / real.sum(1)).float().cpu().numpy())
    return np.concatenate(found) if found else np.empty((0, 0), dtype=np.float32)


def _first(width: int, lengths: NDArray[np.int64]) -> Tensor:
    """Returns (n, width) bool, True at the first `lengths` positions of each row."""
    return torch.arange(width) < torch.from_numpy(lengths)[:, None]


def _predicts(each: Tensor, lengths: NDArray[np.int64]) -> Tensor:
    return _first(each.shape[1], lengths - 1).to(each.device)


def _refuse_broken(losses: Values, docs: Documents) -> None:
    broken = docs.ids[~np.isfinite(losses)]
    if len(broken):
        raise DivergenceError(
            f"{len(broken)} of {len(docs)} documents have a loss that is not finite, the first is {broken[0]}: the model has diverged"
        )
