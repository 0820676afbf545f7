"""BPR by the library implicit: a trainer whose result is a matrix factorisation with a column for the items' bias."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from threadpoolctl import threadpool_limits

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.optional import needed_for
from r2u_rec.recsys.models.factorization import MatrixFactorization
from r2u_rec.rng import stream


@dataclass(frozen=True)
class ImplicitBprTrainer:
    """Fits factors by sampled pairs with implicit's compiled loop, on one thread; a `core.trainer.Trainer`.

    The result is a `MatrixFactorization` of embedding_dim + 1 columns: the last of an item is its bias, that of a user 1. Its `fold_in`
    treats the bias as any other column. Nothing in the library goes on from a trained model, so that erasing is training again
    (`unlearn.retrain.Retrain`); the task is asked for nothing but `attach`, and None will do.

    The same seed gives the same bytes. Equal numbers of users and items start from equal factors; which pairs are sampled depends on the
    records.

    The defaults were chosen on the validation part of ml-100k, where larger steps or more of them rank worse. It stays far below this
    package's own BPR there, whose negatives are uniform.

    Attributes:
        embedding_dim: d, >= 1. lr, reg: of the stochastic steps, reg on every vector that a step touches.
        epochs: passes of as many samples as there are interactions.

    Source: Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI 2009; negatives by how often
        an item occurs among the interactions, those that the user has skipped, as the library does.
    """

    embedding_dim: int = 64
    lr: float = 0.005
    reg: float = 0.005
    epochs: int = 100

    def __post_init__(self) -> None:
        if self.embedding_dim < 1 or self.epochs < 1:
            raise SettingsError(f"embedding_dim and epochs must be >= 1, got {self.embedding_dim} and {self.epochs}")
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise SettingsError(f"lr must be > 0 and finite, got {self.lr}")
        if not (self.reg >= 0 and math.isfinite(self.reg)):
            raise SettingsError(f"reg must be >= 0 and finite, got {self.reg}")

    def model(self, records: InteractionLog, *, seed: int) -> MatrixFactorization:
        """Returns an untrained model of the shape that training gives."""
        return MatrixFactorization(records.n_users, records.n_items, self.embedding_dim + 1, seed=seed)

    def train(self, task: Any, records: InteractionLog, *, seed: int) -> MatrixFactorization:
        """Returns a model fitted to `records`; users without any have a row of zeros."""
        with needed_for("the BPR of implicit"):
            from implicit.cpu.bpr import BayesianPersonalizedRanking  # slow to import: only who needs it pays

        model = self.model(records, seed=seed)
        with threadpool_limits(1, "blas"):
            fitted = BayesianPersonalizedRanking(
                factors=self.embedding_dim,
                learning_rate=self.lr,
                regularization=self.reg,
                iterations=self.epochs,
                num_threads=1,
                random_state=int(stream(seed, "implicit bpr").integers(2**31)),
            )
            fitted.fit(sparse.csr_matrix(records.matrix()), show_progress=False)
        with torch.no_grad():
            model.user_embedding.weight.copy_(torch.from_numpy(fitted.user_factors))
            model.item_embedding.weight.copy_(torch.from_numpy(fitted.item_factors))
        model.forget_rows_(np.flatnonzero(records.user_counts == 0))
        if task is not None:
            task.attach(model, records)
        return model.eval()
