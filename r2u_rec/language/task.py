"""TextTask: causal language modelling as a `core.Task`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from r2u_rec.core.step import member
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.ids import Ids
from r2u_rec.language.documents import Documents
from r2u_rec.language.goldfish import goldfish_mask

Build = Callable[[Documents, int], nn.Module]


class TextBatch(NamedTuple):
    """Documents, cut to the longest of them.

    Attributes:
        tokens: (n, L) int64. mask: (n, L) bool, which tokens are targets: neither the first one nor padding.
        noisy: (n,) bool, documents whose embeddings get noise, and hidden: (n, L) bool, targets that teach nothing; both
            in training mode only.
    """

    tokens: Tensor
    mask: Tensor
    noisy: Tensor
    hidden: Tensor


@dataclass(frozen=True, eq=False)
class TextTask:
    """Predicts each token of a document from those before it.

    A batch does not know what it is used for, and unlearning and measuring draw batches of the same records. So hidden
    tokens and noise stand in every batch and take effect only while `model.training` is set: in the steps of `fit_`, not
    in gradient ascent, validation or any measure, which set eval mode.

    Attributes:
        build: (documents, seed) -> causal language model, see `language.models`; called as `model(input_ids=tokens)` (and
            `inputs_embeds=` for noise), it returns logits (n, L, vocabulary) or an object that has `.logits`.
        pad_id: token number that fills shorter rows; never a target.
        vocab_size: tokens of the vocabulary, for the chance level.
        goldfish, goldfish_share: ids of the documents of which this share of the targets never teaches (`goldfish_mask`, a
            hash of the text); None for none. Source: Ready2Unlearn, Section 4.2.2: .25 on revocable data.
        neftune, neftune_alpha: ids of the documents whose embeddings get uniform noise of alpha / sqrt(length * width), drawn
            anew at each pass from torch's generator, which `fit_` seeds; None for none. Source: Jain et al., NEFTune, 2023,
            Algorithm 1; alpha 5 as in Ready2Unlearn.

    Raises:
        SettingsError: a share outside [0, 1), alpha <= 0, or no vocabulary.
    """

    build: Build
    pad_id: int
    vocab_size: int
    goldfish: Ids | None = None
    goldfish_share: float = 0.25
    neftune: Ids | None = None
    neftune_alpha: float = 5.0

    def __post_init__(self) -> None:
        if self.vocab_size < 2 or not 0 <= self.pad_id < self.vocab_size:
            raise SettingsError(f"pad_id must lie in 0..vocab_size-1 and vocab_size be >= 2, got {self.pad_id} and {self.vocab_size}")
        if not 0 <= self.goldfish_share < 1:
            raise SettingsError(f"goldfish_share must lie in [0, 1), got {self.goldfish_share}")
        if not self.neftune_alpha > 0:
            raise SettingsError(f"neftune_alpha must be > 0, got {self.neftune_alpha}: neftune=None adds no noise")

    def model(self, records: Documents, *, seed: int) -> nn.Module:
        """Returns a fresh model; SettingsError when it has too few tokens or too few positions for `records`."""
        model = self.build(records, seed)
        _check_fits(model, records, self.vocab_size)
        return model

    def batch(self, records: Documents, ids: Ids, *, rng: np.random.Generator) -> TextBatch:
        """Returns the documents `ids` (any order); nothing is drawn from `rng`."""
        at = records.positions(ids)
        lengths = records.lengths[at]
        width = int(lengths.max(initial=2))
        tokens = records.tokens[at, :width].astype(np.int64)
        mask = np.arange(width) < lengths[:, None]
        mask[:, 0] = False
        hidden = np.zeros_like(mask)
        if self.goldfish is not None:
            chosen = member(np.asarray(ids), self.goldfish)
            hidden[chosen] = goldfish_mask(tokens[chosen], self.goldfish_share)
        noisy = np.zeros(len(at), dtype=bool) if self.neftune is None else member(np.asarray(ids), self.neftune)
        return TextBatch(*(torch.from_numpy(part) for part in (tokens, mask, noisy, hidden)))

    def concatenate(self, batches: Sequence[TextBatch]) -> TextBatch:
        """Returns one batch, so that one forward pass serves several; shorter ones are padded."""
        width = max(batch.tokens.shape[1] for batch in batches)

        def joined(parts: list[Tensor], fill: int | bool) -> Tensor:
            return torch.cat([F.pad(part, (0, width - part.shape[1]), value=fill) for part in parts])

        return TextBatch(
            joined([b.tokens for b in batches], self.pad_id),
            joined([b.mask for b in batches], False),
            torch.cat([b.noisy for b in batches]),
            joined([b.hidden for b in batches], False),
        )

    def losses(self, model: nn.Module, batch: TextBatch) -> Tensor:
        """Returns (n,) the mean cross-entropy in nats a target of each document; 0 for one whose every target is hidden."""
        values = self.token_losses(model, batch)  # (n, L - 1)
        counted = batch.mask & ~batch.hidden if model.training else batch.mask
        weights = counted[:, 1:].to(values)
        return (values * weights).sum(1) / weights.sum(1).clamp_min(1)

    def token_losses(self, model: nn.Module, batch: TextBatch) -> Tensor:
        """Returns (n, L - 1) the cross-entropy of tokens 1..L-1, without meaning where `batch.mask[:, 1:]` is False."""
        logits = self._logits(model, batch)[:, :-1]  # (n, L - 1, vocabulary)
        targets = batch.tokens[:, 1:]
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)

    def chance(self, records: Documents) -> float:
        """Returns the loss in nats of a model that holds every token for equally likely: log(vocab_size)."""
        return math.log(self.vocab_size)

    def attach(self, model: nn.Module, records: Documents) -> None:
        """Nothing in a language model derives from data but its parameters."""

    def _logits(self, model: nn.Module, batch: TextBatch) -> Tensor:
        if model.training and self.neftune is not None:
            found = model(inputs_embeds=self._noisy_embeddings(model, batch))
        else:
            found = model(input_ids=batch.tokens)
        return found if isinstance(found, Tensor) else found.logits

    def _noisy_embeddings(self, model: Any, batch: TextBatch) -> Tensor:
        """Returns (n, L, width) embeddings, those of noisy documents moved by up to alpha / sqrt(length * width)."""
        if not hasattr(model, "get_input_embeddings"):
            raise CapabilityError(f"neftune needs a model with get_input_embeddings(), {type(model).__name__} has none: use neftune=None")
        embedded = model.get_input_embeddings()(batch.tokens)
        lengths = batch.mask.sum(1) + 1
        reach = batch.noisy * self.neftune_alpha / torch.sqrt(lengths * embedded.shape[-1])  # (n,)
        moved: Tensor = embedded + (2 * torch.rand_like(embedded) - 1) * reach.to(embedded)[:, None, None]
        return moved


def _check_fits(model: Any, records: Documents, vocab_size: int) -> None:
    positions = getattr(getattr(model, "config", None), "max_position_embeddings", None)
    if positions is not None and positions < records.length:
        raise SettingsError(
            f"documents of {records.length} tokens do not fit a model of {positions} positions: encode them with length={positions}"
        )
    table = model.get_input_embeddings() if hasattr(model, "get_input_embeddings") else None
    rows = getattr(table, "num_embeddings", vocab_size)
    largest = int(records.tokens.max(initial=0))
    if largest >= min(rows, vocab_size):
        raise SettingsError(
            f"the documents hold token {largest}, the model has {rows} and vocab_size is {vocab_size}: use the model's own tokenizer"
        )
