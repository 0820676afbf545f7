"""recbole_task: any general recommender of the library recbole as a `core.Task`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.negatives import popularity_negatives, uniform_negatives
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids
from r2u_rec.recsys.recbole.factors import RecBoleFactors
from r2u_rec.recsys.recbole.model import RecBoleModel, dense
from r2u_rec.recsys.recbole.traits import Traits, traits_of
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.unlearn.curvature.row_interactions import RowInteractions


class RecBoleBatch(NamedTuple):
    """Records with what is drawn beside them, in our codes.

    users, items: (n,); negatives: (n, k); ratings: (m, n_items) histories of the m users, only for models that encode them, empty
    otherwise; seed: () of what the library draws by itself.
    """

    users: Tensor
    items: Tensor
    negatives: Tensor
    ratings: Tensor
    seed: Tensor


@dataclass(frozen=True)
class RecBoleTask:
    """A general model of recbole, trained by its own loss on our records.

    `losses` gives one value a record where the library's loss is a mean over records, and ONE value a batch where it is not (SGL,
    ENMF, ConvNCF and all autoencoders, some of which sum over the batch): what needs a loss for each record refuses those. The
    penalties of a model are in its losses. Models fed with users take the users behind the records of a batch, each with the whole
    history in the records at hand: a request that is ascended is the history of what is to be forgotten, nothing else. ENMF alone
    reads the histories it stands on. A batch of some thousand records touches nearly all users of a small log: give such models larger
    batches than the library's, or fewer epochs.

    Attributes:
        name: of the model in the library. settings: those that differ from the library's defaults.
        negatives: "uniform", or "popularity" (count^.75); drawn against the current records: an item that a user has forgotten may be
            drawn as a negative again.
        n_negatives: negatives a record.
    """

    name: str
    settings: dict[str, Any]
    negatives: Literal["uniform", "popularity"] = "uniform"
    n_negatives: int = 1

    def __post_init__(self) -> None:
        if self.negatives not in ("uniform", "popularity"):
            raise SettingsError(f"negatives must be 'uniform' or 'popularity', got {self.negatives!r}")
        if self.n_negatives < 1:
            raise SettingsError(f"n_negatives must be >= 1, got {self.n_negatives}")

    @property
    def traits(self) -> Traits:
        """What the model can do; CapabilityError when recbole is missing or the model is none that the adapter takes."""
        return traits_of(self.name, self.settings, self.n_negatives)

    def model(self, records: InteractionLog, *, seed: int) -> nn.Module:
        """Returns a fresh model for the users and items of `records`, with the library's initial values."""
        kind = RecBoleModel if self.traits.tables is None else RecBoleFactors
        return kind(self.name, self.settings, self.n_negatives, records, seed=seed)

    def batch(self, records: InteractionLog, ids: Ids, *, rng: np.random.Generator) -> RecBoleBatch:
        """Returns the records `ids` (any order) with negatives drawn against all of `records`, or the users behind them."""
        rows = records.positions(ids)
        users, items = (column[rows].astype(np.int64) for column in (records.user, records.item))
        seed = torch.tensor(int(rng.integers(2**31)))
        if self.traits.feed == "users":
            users = np.unique(users)
            nothing = torch.empty(len(users), 0, dtype=torch.int64)
            ratings = dense(records.matrix()[users]) if self.traits.encodes else torch.empty(0)
            return RecBoleBatch(torch.from_numpy(users), torch.from_numpy(users), nothing, ratings, seed)
        draw = uniform_negatives if self.negatives == "uniform" else popularity_negatives
        drawn = torch.from_numpy(draw(records, users, self.n_negatives, rng).astype(np.int64))
        return RecBoleBatch(torch.from_numpy(users), torch.from_numpy(items), drawn, torch.empty(0), seed)

    def losses(self, model: Any, batch: RecBoleBatch) -> Tensor:
        """Returns (n,) losses, or (1,) one loss of the batch where the library gives no other."""
        found: Tensor = model.losses(
            batch.users, batch.items, batch.negatives, batch.ratings if batch.ratings.numel() else None, seed=int(batch.seed)
        )
        return found

    def attach(self, model: Any, records: InteractionLog) -> None:
        """Builds the model again on `records` alone, with its trained parameters; the rows of users without records are emptied."""
        model.rebuild(records)
        model.forget_rows_(np.flatnonzero(records.user_counts == 0))


@dataclass(frozen=True)
class RecBolePairs:
    """A `RecBoleTask` whose model learns from pairs and scores by two tables (BPR, and graph models with its loss).

    It offers beside what every task offers: joined batches, the level of chance, and the row interactions that block Newton asks for.
    """

    task: RecBoleTask

    def model(self, records: InteractionLog, *, seed: int) -> nn.Module:
        """As `RecBoleTask.model`."""
        return self.task.model(records, seed=seed)

    def batch(self, records: InteractionLog, ids: Ids, *, rng: np.random.Generator) -> RecBoleBatch:
        """As `RecBoleTask.batch`."""
        return self.task.batch(records, ids, rng=rng)

    def losses(self, model: Any, batch: RecBoleBatch) -> Tensor:
        """Returns (n,) one loss a record."""
        return self.task.losses(model, batch)

    def attach(self, model: Any, records: InteractionLog) -> None:
        """As `RecBoleTask.attach`."""
        self.task.attach(model, records)

    def concatenate(self, batches: Sequence[RecBoleBatch]) -> RecBoleBatch:
        """Returns one batch, so that one forward pass serves several; what the library draws takes the seed of the first."""
        users, items, negatives, ratings, _ = (torch.cat(parts) if parts[0].ndim else parts[0] for parts in zip(*batches, strict=True))
        return RecBoleBatch(users, items, negatives, ratings, batches[0].seed)

    def shares_work(self, model: Any) -> bool:
        """Returns whether the model propagates a whole graph at each pass."""
        return bool(model.propagates)

    def chance(self, records: InteractionLog) -> float:
        """Returns the loss in nats of a model that scores everything alike, log 2."""
        return float(np.log(2.0))

    @torch.no_grad()
    def row_interactions(
        self, model: Any, records: InteractionLog, ids: Ids, *, n_draws: int, rng: np.random.Generator
    ) -> list[RowInteractions]:
        """Returns how records meet the item rows and, where they are no propagated ones, the user rows; penalties are left out."""
        pairs = RankingTask(matrix_factorization(), "bpr", negatives=self.task.negatives)
        found = pairs.row_interactions(model, records, ids, n_draws=n_draws, rng=rng)
        return [replace(c, rows=c.rows + 1) if c.table.startswith("model.") else c for c in found]  # row 0 is the library's padding


def recbole_task(
    name: str = "BPR", *, negatives: Literal["uniform", "popularity"] = "uniform", n_negatives: int = 1, **settings: Any
) -> RecBoleTask | RecBolePairs:
    """Returns the task of recbole's general model `name`, whose own `settings` have the library's defaults.

    Args:
        name: "BPR", "LightGCN", "NeuMF", "SGL", "MultiVAE", ...; `recbole_traits.REFUSED` says which are not taken, and why.
        negatives, n_negatives: of `RecBoleTask`.
        settings: the model's, as the library names them (embedding_size, n_layers, ...); epochs, lr and batch size are `Training`'s.

    Raises:
        CapabilityError: recbole is not installed, or the model is none that the adapter takes.
        SettingsError: no such model, or no such setting; the message suggests the nearest.
    """
    task = RecBoleTask(name, settings, negatives, n_negatives)
    pairs = task.traits.pairwise and task.traits.tables is not None
    return RecBolePairs(task) if pairs else task
