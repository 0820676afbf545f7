"""Verbatim memorisation: how much of a document comes back when its beginning is given."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from r2u_rec.errors import SettingsError
from r2u_rec.language.documents import Documents
from r2u_rec.language.passes import Values, document_batches, evaluating, next_logits


def rouge_l(candidate: Sequence[Hashable], reference: Sequence[Hashable]) -> float:
    """Returns ROUGE-L, in [0, 1]: the harmonic mean of the shares that the longest common subsequence has in both; 0 if one is empty.

    The package rouge-score compares texts only, not token numbers, and brings nltk and absl.

    Source: Lin (2004), Section 3.1, equations 2 to 4 with beta = 1.
    """
    previous = [0] * (len(reference) + 1)
    for left in candidate:
        row = [0]
        for at, right in enumerate(reference):
            row.append(previous[at] + 1 if left == right else max(row[at], previous[at + 1]))
        previous = row
    common = previous[-1]
    return 2 * common / (len(candidate) + len(reference)) if common else 0.0


def words(text: str) -> list[str]:
    """Returns the words of a text as ROUGE compares them: lower case, runs of a-z and 0-9; no stemming."""
    return re.findall(r"[a-z0-9]+", text.lower())


def verbatim(model: Any, docs: Documents, prefix: int, tokenizer: Any = None, *, longest: int = 128, batch_size: int = 16) -> Values:
    """Returns (n,) ROUGE-L of what the model greedily goes on to say after the first `prefix` tokens and what the document says.

    Args:
        docs: each longer than `prefix`.
        prefix: tokens given, >= 1.
        tokenizer: compares words of the decoded texts, up to an end-of-text token, as MUSE does; None compares token numbers.
        longest: at most so many tokens are continued and compared.

    Raises:
        SettingsError: prefix < 1, longest < 1, or documents that are not longer than the prefix.

    Source: MUSE (Shi et al. 2024), VerbMem, equation 1: ROUGE-L F1, 128 tokens.
    """
    out = []
    for row, length, said in zip(
        docs.tokens, docs.lengths, continuations(model, docs, prefix, longest=longest, batch_size=batch_size), strict=True
    ):
        wanted = row[prefix : min(int(length), prefix + longest)].tolist()
        if tokenizer is None:
            out.append(rouge_l(said, wanted))
        else:
            out.append(rouge_l(*(words(_text(tokenizer, part)) for part in (said, wanted))))
    return np.array(out, dtype=np.float64)


def continuations(model: Any, docs: Documents, prefix: int, *, longest: int = 128, batch_size: int = 16) -> list[list[int]]:
    """Returns the greedy continuation of each document after `prefix` tokens, as long as the document goes on and at most `longest`.

    Raises:
        SettingsError: as `verbatim`.
    """
    if prefix < 1 or longest < 1:
        raise SettingsError(f"prefix and longest must be >= 1, got {prefix} and {longest}")
    short = docs.ids[docs.lengths <= prefix]
    if len(short):
        raise SettingsError(
            f"{len(short)} of {len(docs)} documents are not longer than prefix={prefix} tokens: lower it, or keep the longer ones with "
            "docs.keep(docs.ids[docs.lengths > prefix])"
        )
    found: list[list[int]] = []
    with evaluating(model) as device:
        for tokens, lengths in document_batches(docs, batch_size, device):
            wanted = np.minimum(lengths - prefix, longest)
            said = _greedy(model, tokens[:, :prefix], int(wanted.max())).cpu().tolist()
            found += [row[:n] for row, n in zip(said, wanted, strict=True)]
    return found


def extraction_strength(model: Any, docs: Documents, *, batch_size: int = 16) -> Values:
    """Returns (n,) extraction strengths in [0, 1]: 1 - k / (l - 1), k the fewest tokens after the first that must be given too before the
    model says the rest of a document of l tokens greedily and without a mistake; 0 when its last token is wrong.

    One forward pass decides it: a greedy continuation is the document as long as every most likely token is the document's.

    Source: Carlini et al. (2021), in the form of Wang et al. (2025, "Towards effective evaluations and comparisons for LLM
        unlearning methods"), as TOFU and MUSE are evaluated by OpenUnlearning, whose code gives 1 / (l - 1) in place of 0.
    """
    out = []
    with evaluating(model) as device:
        for tokens, lengths in document_batches(docs, batch_size, device):
            right = (next_logits(model, tokens).argmax(-1) == tokens[:, 1:]).cpu().numpy()  # (n, L - 1)
            for row, length in zip(right, lengths, strict=True):
                wrong = np.flatnonzero(~row[: length - 1])
                given = wrong[-1] + 1 if len(wrong) else 0
                out.append(1 - given / (length - 1))
    return np.array(out, dtype=np.float64)


def _greedy(model: Any, tokens: Tensor, n: int) -> Tensor:
    """Returns (rows, n) the most likely tokens one after another; what was computed before is kept where the model can."""
    keeps = hasattr(model, "generate")  # transformers' models, which hand back their keys and values
    said, past = tokens, None
    for _ in range(n):
        if keeps:
            found = model(input_ids=said if past is None else said[:, -1:], past_key_values=past, use_cache=True)
            past = found.past_key_values
        else:
            found = model(input_ids=said)
        logits = found if isinstance(found, Tensor) else found.logits
        said = torch.cat([said, logits[:, -1:].argmax(-1)], dim=1)
    return said[:, tokens.shape[1] :]


def _text(tokenizer: Any, tokens: list[int]) -> str:
    end = tokens.index(tokenizer.eos_token_id) if tokenizer.eos_token_id in tokens else len(tokens)
    return str(tokenizer.decode(tokens[:end], skip_special_tokens=True))
