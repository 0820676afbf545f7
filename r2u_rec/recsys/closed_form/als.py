"""Implicit-feedback ALS by the library implicit: its factors as a model, its sweeps as a trainer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from r2u_rec.core.stored import StoredParts, StoredSource
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.optional import needed_for
from r2u_rec.rng import stream


class AlsModel(nn.Module):
    """User and item factors whose product scores; the factors of an unknown user are the exact solution of the user's own ALS system.

    Attributes:
        user_factors: (n_users, d) float32 buffer; item_factors: (n_items, d) float32 buffer.
        reg, alpha: of the objective (`als_objective`); `fold_in` solves with them.
    """

    stored_as: ClassVar[str] = "als_model"
    user_factors: Tensor
    item_factors: Tensor

    def __init__(self, user_factors: Tensor, item_factors: Tensor, *, reg: float, alpha: float) -> None:
        super().__init__()
        self.register_buffer("user_factors", user_factors)
        self.register_buffer("item_factors", item_factors)
        self.reg, self.alpha = reg, alpha

    def parts(self) -> StoredParts:
        """Returns both tables, and the matrix that the factors of an unknown user are solved with."""
        return StoredParts({"user_factors": self.user_factors, "item_factors": self.item_factors}, {"reg": self.reg, "alpha": self.alpha})

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the model that was written."""
        tables = (source.tensors[name] for name in ("user_factors", "item_factors"))
        return cls(*tables, reg=source.values["reg"], alpha=source.values["alpha"])

    def tables(self) -> tuple[Tensor, Tensor]:
        """Returns the user table (n_users, d) and the item table (n_items, d) that scores are made from."""
        return self.user_factors, self.item_factors

    def scores(self, users: NDArray[Any]) -> NDArray[np.float32]:
        """Returns (m, n_items) scores of every item for the user codes (m,); nothing is masked."""
        at = torch.as_tensor(np.asarray(users), dtype=torch.int64)
        out: NDArray[np.float32] = (self.user_factors[at] @ self.item_factors.T).numpy(force=True)
        return out

    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]:
        """Returns (m, n_items) scores for histories (m, n_items) of ones; who has none scores 0 everywhere."""
        with solver_of(self) as solver:
            vectors = solver.recalculate_user(np.arange(histories.shape[0]), confidences(histories, self.alpha))  # (m, d)
            return np.asarray(vectors @ solver.item_factors.T, dtype=np.float32)

    def forget_rows_(self, users: NDArray[Any]) -> None:
        """Sets the factors of the user codes to zero: all their scores are 0."""
        self.user_factors[torch.as_tensor(np.asarray(users), dtype=torch.int64)] = 0.0


@dataclass(frozen=True)
class AlsTrainer:
    """Fits factors to implicit feedback by alternating exact least squares, on one thread; a `core.trainer.Trainer`.

    The task is asked for nothing but `attach`, and None will do. After the last sweep the users are solved once more, so that every
    user row is the exact answer to the item table that is kept (the library leaves them one half-sweep behind).
    The same seed gives the same initial factors for the same numbers of users and items, whatever the records.

    The defaults were chosen on the validation part of ml-100k, a flat optimum: reg 25 to 40, alpha 3 to 5 and d 48 to 96 rank alike.

    Attributes:
        embedding_dim: d. reg: ridge on every row, not scaled by its count.
        alpha: an interaction weighs 1 + alpha, every other pair 1.
        sweeps: over users, then items.

    Source: Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, equations 3 to 5, with r = 1.
    """

    embedding_dim: int = 64
    reg: float = 30.0
    alpha: float = 4.0
    sweeps: int = 15

    def __post_init__(self) -> None:
        if self.embedding_dim < 1 or self.sweeps < 1:
            raise SettingsError(f"embedding_dim and sweeps must be >= 1, got {self.embedding_dim} and {self.sweeps}")
        if not (self.reg > 0 and math.isfinite(self.reg)):
            raise SettingsError(
                f"reg must be > 0 and finite, got {self.reg}: without it a row with few interactions has no single solution"
            )
        if not (self.alpha >= 0 and math.isfinite(self.alpha)):
            raise SettingsError(f"alpha must be >= 0 and finite, got {self.alpha}: an interaction weighs 1 + alpha")

    def model(self, records: InteractionLog, *, seed: int) -> AlsModel:
        """Returns the untrained model: small positive factors."""
        shapes = (("users", records.n_users), ("items", records.n_items))
        tables = [torch.from_numpy(stream(seed, "als", name).random((n, self.embedding_dim)) * 0.01) for name, n in shapes]
        return AlsModel(*(table.to(torch.float32) for table in tables), reg=self.reg, alpha=self.alpha)

    def train(self, task: Any, records: InteractionLog, *, seed: int) -> AlsModel:
        """Returns a model fitted to `records`; the same seed gives the same bytes."""
        model = self.model(records, seed=seed)
        sweep_(model, records.matrix(), self.sweeps)
        if task is not None:
            task.attach(model, records)
        return model.eval()


def als_objective(model: AlsModel, matrix: sparse.csr_array) -> float:
    """Returns the sum over all pairs of weight * (1 or 0 - score)^2, plus reg * (|users|^2 + |items|^2); no dense matrix is made."""
    x, y = (table.to(torch.float64).numpy() for table in model.tables())
    scores = np.einsum("nd,nd->n", x[np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))], y[matrix.indices])
    everywhere = np.sum((x.T @ x) * (y.T @ y))  # sum over all pairs of score^2
    observed = np.sum((1 + model.alpha) * (1 - scores) ** 2 - scores**2)
    return float(everywhere + observed + model.reg * (np.sum(x**2) + np.sum(y**2)))


def sweep_(model: AlsModel, matrix: sparse.csr_array, n_sweeps: int) -> None:
    """Goes on from the factors of `model` for `n_sweeps` over users and items, then solves the users once more, in place."""
    with solver_of(model) as solver:
        solver.iterations = n_sweeps
        solver.fit(confidences(matrix, model.alpha), show_progress=False)
        solver.partial_fit_users(np.arange(matrix.shape[0]), confidences(matrix, model.alpha))
        take_factors_(model, solver)


def confidences(rows: sparse.csr_array, alpha: float) -> sparse.csr_matrix:
    """Returns the rows as the library wants them: float32, the weight 1 + alpha of each interaction."""
    weighted = sparse.csr_matrix(rows, dtype=np.float32, copy=True)
    weighted.data[:] = 1 + alpha
    return weighted


def take_factors_(model: AlsModel, solver: Any) -> None:
    """Copies the factors of the library's object into the model."""
    model.user_factors.copy_(torch.from_numpy(solver.user_factors))
    model.item_factors.copy_(torch.from_numpy(solver.item_factors))


@contextmanager
def solver_of(model: AlsModel) -> Iterator[Any]:
    """Yields the library's ALS object, in float64, on copies of the model's factors; one thread while it is open.

    Its `fit` takes a few conjugate-gradient steps a row from where the row stands (a fifth of the time of exact solves, the same objective
    after some sweeps); its `recalculate_*` and `partial_fit_*` solve exactly.
    """
    with needed_for("ALS"):
        from implicit.cpu.als import AlternatingLeastSquares  # slow to import: only who needs it pays

    with threadpool_limits(1, "blas"):
        solver = AlternatingLeastSquares(
            factors=model.user_factors.shape[1],
            regularization=model.reg,
            dtype=np.float64,
            use_cg=True,
            num_threads=1,
        )
        solver.user_factors = model.user_factors.to(torch.float64).numpy(force=True).copy()
        solver.item_factors = model.item_factors.to(torch.float64).numpy(force=True).copy()
        yield solver
