"""A method and a model from outside the package, which then take part everywhere that names are taken.

The method replaces the item vectors that a request met by the mean of all item vectors, in part: a crude way to forget, and a short one.
The model is matrix factorisation with binary cross-entropy in place of BPR. Both are named in `pyproject.toml` beside this file; once
the package is installed,

    r2u train --data.path=ml-100k --forget.method=towards_the_mean --out=trained
    r2u forget trained --users=1,2,3,4,5,6,7,8,9,10 --out=after
    r2u bench rivals --list

train and forget by the method, and list both among the others. A spec is read to list names and flags: what is heavy is imported where
it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from r2u_rec.registry import MethodSpec, ModelSpec, Recipe, setting

if TYPE_CHECKING:
    from r2u_rec.core.protocols import Method
    from r2u_rec.core.training import Training
    from r2u_rec.registry.context import MethodContext


@dataclass(frozen=True)
class TowardsTheMean:
    """Moves each item row that the request met towards the mean row, by `share` of the way for each of the request's records on it."""

    share: float

    def remember(self, task: Any, model: Any, records: Any, *, seed: int) -> None:
        """Keeps nothing."""

    def edit_(self, task: Any, model: Any, forget: Any, memory: Any, *, seed: int) -> None:
        """Edits in place; reads the request alone."""
        import torch

        with torch.no_grad():
            rows = model.tables()[1]  # (n_items, d)
            weight = 1 - (1 - self.share) ** torch.from_numpy(forget.item_counts).to(rows)  # (n_items,)
            rows += weight[:, None] * (rows.mean(0) - rows)


@dataclass(frozen=True)
class TowardsTheMeanSettings:
    """Item rows of the request move towards the mean row. Approximate."""

    share: float = setting(0.02, "of the way to the mean, for each of the request's interactions with an item")
    length: float | Literal["canaries", "shadow"] = setting(1.0, "of the whole edit; canaries, shadow: set at the end of training")


def build_method(context: MethodContext, s: TowardsTheMeanSettings) -> Method:
    """Returns the method: training as it was chosen, then the edit, carried as far as `length` says."""
    from r2u_rec.unlearn.post_hoc import PostHoc
    from r2u_rec.unlearn.scaled import Scaled

    return PostHoc(context.trainer(), Scaled(TowardsTheMean(s.share), context.length(s.length)))


@dataclass(frozen=True)
class CrossEntropySettings:
    """Matrix factorisation, each interaction and each negative on its own."""

    embedding_dim: int = setting(64, "dimensions of a vector")
    reg: float = setting(0.0, "L2 penalty on the vectors of an interaction")


def recipe(s: CrossEntropySettings, training: Training | None) -> Recipe:
    """Returns how the model is trained."""
    from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization

    return Recipe(RankingTask(matrix_factorization(s.embedding_dim), "bce", reg=s.reg), training)


TOWARDS_THE_MEAN = MethodSpec(
    name="towards_the_mean",
    title="rows towards their mean",
    source="an example",
    family="edit",
    reads="request",
    settings=TowardsTheMeanSettings,
    needs=frozenset({"rows"}),
    build=build_method,
)
MF_BCE = ModelSpec(
    name="mf_bce",
    class_name="CrossEntropyMF",
    title="MF, cross-entropy",
    source="an example",
    settings=CrossEntropySettings,
    offers=frozenset({"steps", "losses", "row interactions", "fold-in", "tables", "rows"}),
    recipe=recipe,
    training={"epochs": 100, "batch_size": 8192, "lr": 5e-3, "schedule": "linear"},
    item_tables=("item_*",),
)
