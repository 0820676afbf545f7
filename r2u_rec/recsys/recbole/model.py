"""A model of recbole as one of ours: it scores, folds in, forgets rows, and is built anew on the records that remain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional as F

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import CapabilityError
from r2u_rec.recsys.recbole.feed import interaction_of, summed
from r2u_rec.recsys.recbole.library import contained, quiet, recbole_module
from r2u_rec.recsys.recbole.records import ITEM, USER, indices
from r2u_rec.recsys.recbole.traits import Traits, build, forget_caches_, traits_of
from r2u_rec.rng import stream

SCORES_AT_ONCE = 4_000_000
"""Scores computed in one piece, which bounds the memory of a ranking."""


class RecBoleModel(nn.Module):
    """One general model of recbole on the records it stands on.

    Everything in the library's model but its parameters comes from its constructor, given records: `rebuild` constructs it
    again on other records and moves the trained parameters over, so that no graph, matrix, history, cached table or count of what has
    left can stay behind. Scores are computed with nothing cached; a user without records scores 0. Runs on the CPU.

    What the library counts while training (the annealing of variational autoencoders, the loss history of DiffRec) begins anew with
    `rebuild` and with a resumed checkpoint; SGL draws its views at each epoch from `seed` and the number of epochs since either.

    Args:
        name: the library's name of the model. settings: its settings, where they differ from the library's.
        n_negatives: negatives a record that it will be trained with.
        records: what it stands on. seed: of the parameters, and of what the library draws when it is built.
    """

    def __init__(self, name: str, settings: dict[str, Any], n_negatives: int, records: InteractionLog, *, seed: int) -> None:
        super().__init__()
        self.name, self.settings, self.n_negatives, self.seed = name, dict(settings), n_negatives, seed
        self.model = build(name, settings, n_negatives, records, seed=seed)
        self.present: NDArray[np.bool_] = records.user_counts > 0  # (n_users,)
        self.passes = 0

    @property
    def traits(self) -> Traits:
        """What this kind of model can do."""
        return traits_of(self.name, self.settings, self.n_negatives)

    def train(self, mode: bool = True) -> Self:
        """Sets the mode; a model that draws its views of the graph at the start of an epoch draws them now."""
        if not mode:
            return super().train(False)
        self.passes += 1
        with quiet(), contained(int(stream(self.seed, "recbole views", self.passes).integers(2**31))):
            return super().train(True)

    def losses(self, users: Tensor, items: Tensor, negatives: Tensor, ratings: Tensor | None, *, seed: int) -> Tensor:
        """Returns (n,) losses by the library's `calculate_loss`, or (1,) the loss of the batch; its penalties are in them.

        Args:
            users, items: (n,) codes; negatives: (n, k) codes.
            ratings: (n, n_items) histories of the users, for models that encode them; None takes those that the model stands on.
            seed: of what the library draws (dropout, samples of its own).
        """
        batch = interaction_of(self.traits.feed, users + 1, items + 1, negatives + 1)
        with contained(seed), _histories(self.model, ratings):
            found = summed(self.model.calculate_loss(batch))
        return found.reshape(-1, len(users)).mean(0) if self.traits.one_each else found

    def scores(self, users: NDArray[Any]) -> NDArray[np.float32]:
        """Returns (m, n_items) scores of every item for the user codes (m,); nothing is masked."""
        users = np.asarray(users, dtype=np.int64)
        out = np.zeros((len(users), self.model.n_items - 1), dtype=np.float32)
        at = np.flatnonzero(self.present[users])
        size = max(1, SCORES_AT_ONCE // self.model.n_items)
        with self._scoring():
            for start in range(0, len(at), size):
                some = at[start : start + size]
                out[some] = self._ranked(indices(users[some]))[:, 1:].float().numpy(force=True)
        return out

    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]:
        """Returns (m, n_items) scores for histories (m, n_items) of people it never saw, by its encoder; 0 for an empty history.

        Raises:
            CapabilityError: the model has neither an encoder nor a table of item vectors whose products are its scores.
        """
        at = np.flatnonzero(np.diff(histories.indptr))
        if at.size and not self.traits.encodes:
            raise CapabilityError(
                f"recbole's {self.name} cannot answer people it never saw: its scores are neither encoded from a history nor products "
                "with a table of item vectors. Use BPR, a graph model or an autoencoder, or serve shards with served('own')"
            )
        out = np.zeros(histories.shape, dtype=np.float32)
        size = max(1, SCORES_AT_ONCE // self.model.n_items)
        with self._scoring():
            for start in range(0, len(at), size):
                some = at[start : start + size]
                with _histories(self.model, dense(histories[some])):
                    padding = torch.zeros(len(some), dtype=torch.int64)  # nobody's row, where an encoder has rows at all
                    out[some] = self._ranked(padding)[:, 1:].float().numpy(force=True)
        return out

    def rebuild(self, records: InteractionLog) -> None:
        """Builds the model again on `records` and gives it the trained parameters; nothing else of the old one is kept.

        Raises:
            ValueError: `records` count other users or items than the model.
        """
        counted = (self.model.n_users - 1, self.model.n_items - 1)
        if (records.n_users, records.n_items) != counted:
            raise ValueError(
                f"the records count {records.n_users} users and {records.n_items} items, the model {counted[0]} and {counted[1]}: "
                "use the log that the model was made for, or one derived from it"
            )
        fresh = build(self.name, self.settings, self.n_negatives, records, seed=self.seed)
        for where, value in (*self.model.named_parameters(), *self.model.named_buffers()):
            parent, _, leaf = where.rpartition(".")
            setattr(fresh.get_submodule(parent), leaf, value)
        for module in fresh.modules():
            module.training = self.training
        self.model, self.present, self.passes = fresh, records.user_counts > 0, 0

    @torch.no_grad()
    def forget_rows_(self, users: NDArray[Any]) -> None:
        """Sets every entry of a parameter that belongs to the user codes to zero, and lets them score 0."""
        users = np.asarray(users, dtype=np.int64)
        parameters = dict(self.model.named_parameters())
        for where, axis in self.traits.user_axes:
            parameters[where].index_fill_(axis, indices(users), 0.0)
        self.present = self.present.copy()
        self.present[users] = False

    def _ranked(self, users: Tensor) -> Tensor:
        """Returns (m, n_items + 1) scores of the library's indices, padding first; item after item where there is no full ranking."""
        if (
            type(self.model).full_sort_predict
            is not recbole_module("recbole.model.abstract_recommender").AbstractRecommender.full_sort_predict
        ):
            found: Tensor = self.model.full_sort_predict(_interaction({USER: users}))
            return found.reshape(len(users), -1)
        every = torch.arange(self.model.n_items)
        rows = [self.model.predict(_interaction({USER: user.expand(len(every)), ITEM: every})).reshape(-1) for user in users]
        return torch.stack(rows)

    @contextmanager
    def _scoring(self) -> Iterator[None]:
        """Evaluation mode without gradients and caches, with the library's own draws seeded; modes come back without a new epoch."""
        modes = [(module, module.training) for module in self.modules()]
        forget_caches_(self.model)
        try:
            with torch.no_grad(), quiet(), contained(self.seed):
                self.eval()
                yield
        finally:
            forget_caches_(self.model)
            for module, mode in modes:
                module.training = mode


def dense(histories: sparse.csr_array) -> Tensor:
    """Returns (m, n_items) float32 histories."""
    return torch.from_numpy(histories.toarray().astype(np.float32))


def _interaction(fields: dict[str, Tensor]) -> Any:
    return recbole_module("recbole.data.interaction").Interaction(fields)


@contextmanager
def _histories(model: Any, ratings: Tensor | None) -> Iterator[None]:
    """Lets an autoencoder read these histories (m, n_items) in place of those that it stands on."""
    if ratings is None:
        yield
        return
    padded = F.pad(ratings, (1, 0))  # (m, n_items + 1)
    model.get_rating_matrix = lambda user: padded.clone()
    try:
        yield
    finally:
        del model.get_rating_matrix
