"""How similar recovery texts are to the texts to forget, by sentence embeddings, and their quantiles (the paper's Section 5.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from r2u_rec.data.catalogue.names import fetch
from r2u_rec.errors import DataError, DownloadError, SettingsError
from r2u_rec.optional import needed

Embeddings = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SentenceEncoder:
    """A transformer whose last hidden states, averaged over a text's tokens and scaled to unit length, stand for the text.

    Not sentence-transformers: the folder of the card holds a plain transformer, without the modules.json which that library reads.

    Attributes:
        model, tokenizer: of transformers.
        longest: tokens of a text that are read; what is beyond is left out. all-MiniLM-L6-v2 is published with 256.
    """

    model: Any
    tokenizer: Any
    longest: int = 256

    @classmethod
    def load(cls, source: str | Path = "minilm", *, longest: int = 256) -> SentenceEncoder:
        """Returns the encoder in a folder, or of the model whose card has this name, fetched when it is not here yet.

        Raises:
            CapabilityError: transformers is not installed.
            SettingsError: neither a folder nor a card. DownloadError: it cannot be had, or the folder holds no such model.
        """
        transformers = needed("transformers", "comparing texts")
        folder = Path(source) if Path(source).is_dir() else fetch(str(source))
        try:
            model = transformers.AutoModel.from_pretrained(str(folder), dtype=torch.float32).eval()
            return cls(model, transformers.AutoTokenizer.from_pretrained(str(folder)), longest)
        except (OSError, ValueError) as error:
            raise DownloadError(f"no sentence encoder in {folder} ({str(error).strip().splitlines()[0]})") from error

    def encode(self, texts: Sequence[str], *, batch_size: int = 64) -> Embeddings:
        """Returns (n, d) float32 rows of unit length, one a text.

        Raises:
            DataError: a blank text.

        Source: Reimers and Gurevych (2019), Section 3, mean pooling.
        """
        blank = [at for at, text in enumerate(texts) if not text.strip()]
        if blank:
            raise DataError(f"{len(blank)} of {len(texts)} texts are blank, the first at {blank[0]}: leave them out")
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))  # texts of like length meet, so that little is padded
        rows: list[Any] = [None] * len(texts)
        for start in range(0, len(order), batch_size):
            some = order[start : start + batch_size]
            coded = self.tokenizer([texts[at] for at in some], padding=True, truncation=True, max_length=self.longest, return_tensors="pt")
            with torch.no_grad():
                states = self.model(**coded).last_hidden_state  # (batch, L, d)
            real = coded["attention_mask"][..., None].to(states)
            pooled = (states * real).sum(1) / real.sum(1)
            for at, row in zip(some, torch.nn.functional.normalize(pooled).numpy(), strict=True):
                rows[at] = row
        return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Similarity:
    """(n,) mean and largest cosine of each recovery text to the texts to forget, in [-1, 1]."""

    mean: NDArray[np.float64]
    max: NDArray[np.float64]


def similarity(recovery: Embeddings, forget: Embeddings) -> Similarity:
    """Returns how similar each row of `recovery` (n, d) is to the rows of `forget` (m, d), both of unit length.

    The mean orders Table 4; a text is near its own neighbours and far from most, so the largest cosine tells more of repeats.

    Raises:
        SettingsError: nothing to compare with, other widths, or rows that are not of unit length.
    """
    if len(forget) == 0 or recovery.ndim != 2 or forget.ndim != 2 or recovery.shape[1] != forget.shape[1]:
        raise SettingsError(f"embeddings of one width and at least one text to forget are needed, got {recovery.shape} and {forget.shape}")
    for rows in (recovery, forget):
        if not np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3):
            raise SettingsError("embeddings must be of unit length, as SentenceEncoder.encode gives them")
    cosines = recovery.astype(np.float64) @ forget.astype(np.float64).T  # (n, m)
    return Similarity(cosines.mean(axis=1), cosines.max(axis=1))


def quantiles(values: NDArray[np.float64], n_groups: int = 4) -> NDArray[np.int64]:
    """Returns (n,) the group 0 (lowest values) to n_groups - 1 of each value; sizes differ by at most one, ties go by position.

    Raises:
        SettingsError: fewer values than groups, or values that are not finite.
    """
    if not 1 <= n_groups <= len(values):
        raise SettingsError(f"n_groups must lie in [1, {len(values)}], the number of values, got {n_groups}")
    if not np.isfinite(values).all():
        raise SettingsError(f"values must be finite, got {int((~np.isfinite(values)).sum())} that are not")
    groups = np.empty(len(values), dtype=np.int64)
    groups[np.argsort(values, kind="stable")] = np.arange(len(values)) * n_groups // len(values)
    return groups
