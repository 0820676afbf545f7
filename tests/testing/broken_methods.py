"""Methods that break one promise each, around ItemKNN, which keeps them all."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from r2u_rec.core.protocols import Fitted
from r2u_rec.ids import as_ids
from r2u_rec.recsys.closed_form.item_knn import ItemKnn
from r2u_rec.testing.models import stand_on
from r2u_rec.unlearn.post_hoc import PostHoc

KNN = ItemKnn(5, 0.0)


class Standing:
    """A task whose `attach` makes a model stand on records."""

    def attach(self, model: Any, records: Any) -> None:
        stand_on(model, records)


@dataclasses.dataclass(frozen=True)
class Changed:
    """ItemKNN, whose results pass through `of_fit`, and whose requests and results through `of_ids` and `of_forget`."""

    of_forget: Callable[[Fitted, Fitted, Any], Fitted] = lambda before, after, ids: after
    of_ids: Callable[[Fitted, Any], Any] = lambda before, ids: ids
    of_fit: Callable[[Fitted], Fitted] = lambda fitted: fitted
    exact: bool = True

    def fit(self, task: Any, records: Any, *, seed: int) -> Fitted:
        return self.of_fit(KNN.fit(task, records, seed=seed))

    def forget(self, task: Any, fitted: Fitted, ids: Any, *, seed: int) -> Fitted:
        ids = self.of_ids(fitted, as_ids(ids))
        inner = fitted if not isinstance(fitted.memory, dict) else dataclasses.replace(fitted, memory=fitted.memory["inner"])
        return self.of_forget(fitted, KNN.forget(task, inner, ids, seed=seed), ids)


def moved(fitted: Fitted, move: Callable[[torch.Tensor], torch.Tensor]) -> Fitted:
    """A copy whose similarities are `move` of what they were."""
    model: Any = copy.deepcopy(fitted.model)
    model.similarities.copy_(move(model.similarities))
    return dataclasses.replace(fitted, model=model)


def touched(before: Fitted, after: Fitted, ids: Any) -> Fitted:
    before.model.similarities.add_(1.0)
    return after


@dataclasses.dataclass
class Noisy:
    """Adds something else at each call."""

    calls: int = 0

    def __call__(self, before: Fitted, after: Fitted, ids: Any) -> Fitted:
        self.calls += 1
        return moved(after, lambda s: s + 0.01 * self.calls)


def left_behind(what: Callable[[Fitted, Any], Any]) -> Changed:
    """The method whose memory keeps, of every request so far, what `what` takes from the fitted before it and the ids."""

    def keep(before: Fitted, after: Fitted, ids: Any) -> Fitted:
        kept = [*before.memory["kept"]] if isinstance(before.memory, dict) else []
        return dataclasses.replace(after, memory={"inner": after.memory, "kept": [*kept, what(before, ids)]})

    return Changed(of_forget=keep)


def pairs_of(before: Fitted, ids: Any) -> Any:
    return before.records.keep(ids).matrix()


def edges_of(before: Fitted, ids: Any) -> Any:
    matrix, n = pairs_of(before, ids).toarray(), before.records.n_users
    graph = np.zeros((sum(matrix.shape),) * 2, dtype=np.float32)
    graph[:n, n:] = matrix
    return graph


def gradient_of(before: Fitted, ids: Any) -> Any:
    weights = torch.zeros(2, requires_grad=True)
    weights.grad = torch.ones(2)
    return weights


def notes_of(before: Fitted, ids: Any) -> Any:
    """The notes on the users who leave whole, beside the ids of the request where none does."""
    keys = np.asarray(before.records.user_keys.keys)[np.setdiff1d(before.records.user, before.records.drop(ids).user)]
    return np.array([f"a note on {key}" for key in keys], dtype=object) if len(keys) else ids


@dataclasses.dataclass(frozen=True)
class KnnTrainer:
    """Returns the model of ItemKNN, attached."""

    def train(self, task: Any, records: Any, *, seed: int) -> Any:
        model = KNN.fit(None, records, seed=seed).model
        task.attach(model, records)
        return model


@dataclasses.dataclass(frozen=True)
class Halves:
    """An unlearner that reads nothing."""

    def remember(self, task: Any, model: Any, records: Any, *, seed: int) -> None: ...

    def edit_(self, task: Any, model: Any, forget: Any, memory: Any, *, seed: int) -> None:
        model.similarities.mul_(0.5)


class Peeking(PostHoc):
    """Reads the users of the records that stay."""

    def forget(self, task: Any, fitted: Fitted, ids: Any, *, seed: int) -> Fitted:
        _ = fitted.records.user
        return super().forget(task, fitted, ids, seed=seed)


class AttachingTwice(PostHoc):
    """Attaches the model once more than needed."""

    def forget(self, task: Any, fitted: Fitted, ids: Any, *, seed: int) -> Fitted:
        after = super().forget(task, fitted, ids, seed=seed)
        task.attach(after.model, after.records)
        return after
