"""What a text trial measures of a model: losses and membership at one moment, token losses, and how far apart two kinds of text lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from r2u_bench.paper.texts.data import Material
from r2u_rec.ids import Ids
from r2u_rec.language.documents import Documents
from r2u_rec.language.masking import CONTINUED, mask_pieces
from r2u_rec.language.measure import min_k_auc, pooled_states, token_losses

Row = dict[str, Any]

STORED_AS = {"non_members": "strangers"}
"""Role -> its name in the rows of stored trials, which keep the word they were stored under."""


@dataclass(frozen=True)
class Probe:
    """The documents that every point of a curve is measured on: as many of each role, the same ones in every arm of a seed."""

    forget: Documents
    retain: Documents
    heldout: Documents
    non_members: Documents

    def measure(self, model: nn.Module) -> Row:
        """Returns the mean loss in nats on D_f, on D_r as it was shown, on held-out documents like D_r and on such like D_f, and the
        AUC of Min-20 % Prob for telling D_f from the last."""
        losses = {name: token_losses(model, docs) for name, docs in vars(self).items()}
        row: Row = {f"{STORED_AS.get(name, name)}_loss": float(np.mean([each.mean() for each in found])) for name, found in losses.items()}
        row["min_k_auc"] = min_k_auc(losses["forget"], losses["non_members"]).auc
        return row

    def forget_loss(self, model: nn.Module) -> float:
        """Returns the mean loss on D_f alone."""
        return float(np.mean([each.mean() for each in token_losses(model, self.forget)]))


def probe(m: Material, n: int) -> Probe:
    """Returns the first n documents of each role; roles are in random order or sorted alike for every arm."""
    return Probe(*(m.documents.keep(_first(ids, n)) for ids in (m.split.forget, m.split.retain, m.heldout, m.non_members)))


def _first(ids: Ids, n: int) -> Ids:
    return np.sort(ids[np.linspace(0, len(ids) - 1, min(n, len(ids))).astype(int)])


def masked_tokens(docs: Documents, tokenizer: Any, allowed: frozenset[str]) -> list[list[str]]:
    """Returns for each document what may be shown of its tokens 1..: a mark in place of what is personal or not a common word."""
    shown = []
    for row, length in zip(docs.tokens, docs.lengths, strict=True):
        pieces = [tokenizer.decode([token]) for token in row[:length].tolist()]
        shown.append(mask_pieces(pieces, allowed)[1:])
    return shown


def is_distinctive(shown: str) -> bool:
    """Whether a shown token stands for one that was masked."""
    return shown.strip() == CONTINUED or (shown.strip().startswith("[") and shown.strip().endswith("]"))


def distinctive_gap(model: nn.Module, docs: Documents, shown: list[list[str]]) -> Row:
    """Returns the mean loss of masked tokens (names, numbers, rare words) and of common ones, and the difference."""
    losses = np.concatenate(token_losses(model, docs))
    masked = np.array([is_distinctive(each) for row in shown for each in row])
    if not 0 < masked.sum() < len(masked):
        return {"distinctive_loss": None, "common_loss": None, "distinctive_gap": None}
    rare, common = float(losses[masked].mean()), float(losses[~masked].mean())
    return {"distinctive_loss": rare, "common_loss": common, "distinctive_gap": rare - common}


def picked(shown: list[list[str]]) -> int:
    """Returns the document whose masked share is nearest to a third: one with something of both kinds to look at."""
    shares = [abs(float(np.mean([is_distinctive(each) for each in row])) - 1 / 3) + 1 / len(row) for row in shown]
    return int(np.argmin(shares))


def token_rows(model: nn.Module, docs: Documents, shown: list[list[str]], at: int) -> list[Row]:
    """Returns one row for each token of document `at`, with its loss and nothing of its text but what may be shown."""
    losses = token_losses(model, docs.keep(docs.ids[at : at + 1]))[0]
    return [
        {"what": "token", "position": i, "shown": text, "loss": float(loss)}
        for i, (text, loss) in enumerate(zip(shown[at], losses, strict=True))
    ]


def separation(model: nn.Module, forget: Documents, retain: Documents, *, seed: int) -> float:
    """Returns how well a linear probe tells D_f from D_r by pooled last hidden states: AUC over five folds; .5 is not at all."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    states, labels = _states(model, forget, retain)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    tell = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    scores = cross_val_predict(tell, states, labels, cv=folds, method="decision_function")
    return float(roc_auc_score(labels, scores))


def point_rows(model: nn.Module, forget: Documents, retain: Documents, *, seed: int) -> list[Row]:
    """Returns the pooled last hidden states of each document as a point of t-SNE in the plane (Figure 11)."""
    from sklearn.manifold import TSNE

    states, labels = _states(model, forget, retain)
    xy = TSNE(2, perplexity=min(30, (len(states) - 1) / 3), random_state=seed, init="pca").fit_transform(states)
    names = ("retain", "forget")
    return [{"what": "point", "set": names[int(label)], "x": float(x), "y": float(y)} for (x, y), label in zip(xy, labels, strict=True)]


def _states(model: nn.Module, forget: Documents, retain: Documents) -> tuple[Any, Any]:
    parts = [pooled_states(model, docs) for docs in (forget, retain)]
    return np.concatenate(parts), np.repeat([1, 0], [len(part) for part in parts])
