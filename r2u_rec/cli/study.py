"""What every measurement of a run shares: the parts, who plays which part, and how ranking quality is taken."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_rec.cli import sources
from r2u_rec.cli.cohorts import Cohorts, draw_cohorts
from r2u_rec.cli.settings import Settings
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.split import Parts
from r2u_rec.evaluate.imprint import FoldInProbe
from r2u_rec.evaluate.ranking import RankingResult, rank, ranking_metrics
from r2u_rec.ids import Ids


@dataclass(frozen=True, eq=False)
class Study:
    """One data set, one split, one request.

    Attributes:
        records: what the released model is trained on. left: the same without the request.
        request: ids of the records of the users who are erased.
    """

    settings: Settings
    parts: Parts
    cohorts: Cohorts
    records: InteractionLog
    left: InteractionLog
    request: Ids
    data_hash: str

    @property
    def retained(self) -> NDArray[np.int64]:
        """Codes of the users who stay."""
        return np.flatnonzero(self.left.user_counts > 0)

    def quality(self, model: Any, *, part: str = "test", users: Any = None) -> RankingResult:
        """Returns the ranking quality of `users`, by default of those who stay.

        Full ranking; training items are masked, and on the test part validation items too.
        """
        seen = self.parts.train.matrix()
        if part == "test":
            seen = seen + self.parts.validation.matrix()
        users = self.retained if users is None else users
        ks: Sequence[int] = self.settings.evaluate.ks
        return ranking_metrics(rank(model, seen, users, max(ks)), getattr(self.parts, part).matrix(), users, ks)

    def probes(self) -> tuple[FoldInProbe, FoldInProbe]:
        """Returns the probes of the erased and of the never-trained users."""
        n_halves, seed = self.settings.evaluate.n_halves, self.settings.seed
        of = [FoldInProbe(self.parts.train, users, n_halves=n_halves, seed=seed) for users in (self.cohorts.forget, self.cohorts.holdout)]
        return of[0], of[1]

    def validation_quality(self, model: Any) -> float:
        """Returns NDCG at the longest cut-off, as `stable_quality` takes it."""
        users = stable_users(self.parts, self.records, self.cohorts)
        return stable_quality(model, self.parts, users, max(self.settings.evaluate.ks))

    @property
    def quality_name(self) -> str:
        return f"NDCG@{max(self.settings.evaluate.ks)}"

    @property
    def split_hashes(self) -> dict[str, str]:
        """Name of each part -> hash of its record ids."""
        parts = {"train": self.parts.train.ids, "validation": self.parts.validation.ids, "test": self.parts.test.ids}
        parts |= {"trained": self.records.ids, "request": self.request}
        return {name: hashlib.sha256(ids.tobytes()).hexdigest()[:16] for name, ids in parts.items()}


def stable_users(parts: Parts, records: InteractionLog, cohorts: Cohorts) -> NDArray[np.int64]:
    """Returns the codes of users who are trained on, are not revocable, and have validation interactions.

    By them a training is watched: nothing that is chosen so depends on data that may be withdrawn.
    """
    both = np.flatnonzero((records.user_counts > 0) & (parts.validation.user_counts > 0))
    return np.setdiff1d(both, cohorts.revocable)


def stable_quality(model: Any, parts: Parts, users: NDArray[np.int64], k: int) -> float:
    """Returns NDCG@k of `users` on the validation part, training items masked."""
    return ranking_metrics(rank(model, parts.train.matrix(), users, k), parts.validation.matrix(), users, (k,)).mean()[f"NDCG@{k}"]


def prepare_study(s: Settings) -> Study:
    """Reads, scores, splits and draws the cohorts."""
    log = sources.read(s.data)
    parts = sources.split(log, s.data, seed=s.seed)
    scores = sources.scores(parts.train, s.revocability, seed=s.seed)
    cohorts = draw_cohorts(parts.train, scores, s.revocability, seed=s.seed)
    records = cohorts.records
    request = records.ids_of_users(cohorts.forget)
    pairs = np.stack([log.user, log.item]).tobytes()
    return Study(s, parts, cohorts, records, records.drop(request), request, hashlib.sha256(pairs).hexdigest()[:16])
