"""Models of the library implicit come in: a trained one recommends and forgets here; what forgetting needs is computed now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from r2u_rec.api.constructors import model as model_named
from r2u_rec.api.recommender import Recommender
from r2u_rec.api.training import Trained
from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import CapabilityError, DataError


def from_implicit(
    model: Any, user_items: sparse.csr_array | sparse.csr_matrix, keys: tuple[Iterable[Any], Iterable[Any]] | None = None, *, seed: int = 0
) -> Recommender:
    """Returns a trained model of the library implicit as one that recommends and forgets by your keys.

    Alternating least squares becomes `r2u.ALS` with the factors as they are, and forgets by going on with its solves. Bayesian
    personalised ranking becomes `r2u.MF`, the items' bias as one dimension more, and forgets by a Newton step whose curvature is computed
    now; retraining trains by this package's own loop.

    Args:
        model: an `AlternatingLeastSquares` or `BayesianPersonalizedRanking` that was fitted, on the processor.
        user_items: (n_users, n_items) what it was fitted to.
        keys: (keys of the users, keys of the items) in the order of rows and columns; None: their numbers.
        seed: of what forgetting draws.

    Raises:
        CapabilityError: another kind of model, with the reason why it cannot forget.
        DataError: shapes or numbers of keys that do not belong together, or a model that was never fitted.
    """
    kind = type(model).__name__
    matrix = sparse.csr_array(user_items)
    users, items = _factors(model, kind)
    if (len(users), len(items)) != matrix.shape:
        raise DataError(
            f"the model has {len(users)} users and {len(items)} items, user_items {matrix.shape[0]} and {matrix.shape[1]}: pass the matrix "
            "that it was fitted to"
        )
    log = _log_of(matrix, keys)
    if kind == "AlternatingLeastSquares":
        return _als(model, matrix, users, items, log, seed)
    return _bpr(model, users, items, log, seed)


def _factors(model: Any, kind: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if kind in ("ItemItemRecommender", "CosineRecommender", "TFIDFRecommender", "BM25Recommender"):
        raise CapabilityError(
            f"implicit's {kind} keeps similarities and no counts, from which nothing can be taken away: fit r2u.ItemKNN() to the same "
            "interactions, it takes seconds and erases exactly"
        )
    if kind not in ("AlternatingLeastSquares", "BayesianPersonalizedRanking"):
        raise CapabilityError(
            f"a {kind} cannot be taken over: what its loss says of one interaction is not known here; AlternatingLeastSquares and "
            "BayesianPersonalizedRanking of implicit can"
        )
    if getattr(model, "user_factors", None) is None or getattr(model, "item_factors", None) is None:
        raise DataError(f"this {kind} was never fitted: call model.fit(user_items) first")
    if not isinstance(model.user_factors, np.ndarray):
        model = model.to_cpu()
    users, items = (np.array(table, dtype=np.float32) for table in (model.user_factors, model.item_factors))
    return users, items


def _log_of(matrix: sparse.csr_array, keys: tuple[Iterable[Any], Iterable[Any]] | None) -> InteractionLog:
    """Returns the stored values as interactions, codes in the order of rows and columns."""
    if matrix.nnz == 0:
        raise DataError("user_items holds no interactions: pass the matrix that the model was fitted to")
    given: tuple[Any, Any] = (np.arange(matrix.shape[0]), np.arange(matrix.shape[1])) if keys is None else keys
    vocabularies = [Vocabulary.of(each) for each in given]
    for vocabulary, n, what in zip(vocabularies, matrix.shape, ("users", "items"), strict=True):
        if len(vocabulary) != n:
            raise DataError(f"there are {len(vocabulary)} keys for {n} {what}: give one key a {'row' if what == 'users' else 'column'}")
    matrix = matrix.copy()
    matrix.sum_duplicates()
    user = np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
    return InteractionLog(np.arange(matrix.nnz), user, matrix.indices.astype(np.int32), None, None, vocabularies[0], vocabularies[1])


def _als(
    model: Any, matrix: sparse.csr_array, users: NDArray[np.float32], items: NDArray[np.float32], log: InteractionLog, seed: int
) -> Recommender:
    from r2u_rec.recsys.closed_form.als import AlsModel

    weights = np.unique(matrix.data)
    if len(weights) != 1:
        raise CapabilityError(
            f"user_items holds {len(weights)} different weights, and ALS forgets here where all interactions weigh the same: fit it to a "
            "matrix of ones"
        )
    alpha = float(weights[0]) * float(model.alpha) - 1.0  # implicit weighs an interaction alpha * value, every other pair 1
    if alpha < 0:
        raise CapabilityError(f"an interaction weighs alpha * value = {alpha + 1:g}, less than what was never seen: fit with alpha >= 1")
    reg = float(model.regularization)
    fitted = AlsModel(torch.from_numpy(users), torch.from_numpy(items), reg=reg, alpha=alpha).eval()
    made = model_named("als", embedding_dim=users.shape[1], reg=reg, alpha=alpha, sweeps=int(model.iterations), seed=seed)
    made._trained = Trained(Fitted(fitted, log), np.empty(0, dtype=np.int64), (made.plan.method.name, made.plan.method_settings))
    return made


def _bpr(model: Any, users: NDArray[np.float32], items: NDArray[np.float32], log: InteractionLog, seed: int) -> Recommender:
    from r2u_rec.recsys.models.factorization import MatrixFactorization

    made = model_named("mf", embedding_dim=users.shape[1], loss="bpr", reg=float(model.regularization), seed=seed)
    fitted = MatrixFactorization(log.n_users, log.n_items, users.shape[1], seed=0)
    with torch.no_grad():
        fitted.user_embedding.weight.copy_(torch.from_numpy(users))
        fitted.item_embedding.weight.copy_(torch.from_numpy(items))
    return remembered(made, fitted.eval(), log)


def remembered(made: Recommender, model: torch.nn.Module, log: InteractionLog) -> Recommender:
    """Returns the recommender with a trained model in it, attached to its records, and what its method keeps, computed now."""
    from r2u_rec.api.training import remembering

    plan, nobody = made.plan, np.empty(0, dtype=np.int64)
    context = plan.context(progress=made.progress)
    context.task.attach(model, log)
    bare = Trained(Fitted(model, log), nobody, ("none", None))
    fitted = remembering(plan.build(context), plan, bare, context.task)
    made._trained = Trained(fitted, nobody, (plan.method.name, plan.method_settings))
    return made
