"""Study: one experiment. A split, who is trained on, who asks, who never was, and how ranking quality is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.split import Parts
from r2u_rec.errors import SettingsError, UnknownRecordError
from r2u_rec.evaluate.groups import halves_by_activity
from r2u_rec.evaluate.imprint import FoldInProbe
from r2u_rec.evaluate.ranking import RankingResult, Scores, rank, ranking_metrics
from r2u_rec.ids import Ids, as_ids
from r2u_rec.study.folder import read_study, write_study
from r2u_rec.study.quality import Part, Ranker, judged_part, masked_items
from r2u_rec.study.request import Codes, StudyRequest, hash_of
from r2u_rec.suggest import unknown

NOBODY: Codes = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Study:
    """One experiment; frozen, so that every measurement of it is made on the same split and the same users.

    Attributes:
        seed: of the draws, and of the halves of histories.
        parts: training, validation and test part, of everyone.
        records: what is trained on: the training part without those who are never trained on.
        requests: by name.
        revocable: codes of the users whom a model may prepare for.
        calibration_users: codes of users who are never trained on, apart from those by whom an outcome is judged: by them the length of
            an edit is set.
        candidates: codes of trained users whose removal may be simulated for that; never who asks.
        part: by which quality is measured; "validation" where settings are chosen.
        ks: cut-offs of ranked lists; figures carry the longest.
        scores: (n_users,) how likely each is to withdraw; None where no scorer was asked.
    """

    seed: int
    parts: Parts
    records: InteractionLog
    requests: Mapping[str, StudyRequest] = field(default_factory=dict)
    revocable: Codes = field(default_factory=NOBODY.copy)
    calibration_users: Codes = field(default_factory=NOBODY.copy)
    candidates: Codes = field(default_factory=NOBODY.copy)
    part: Part = "test"
    ks: Sequence[int] = (20,)
    scores: NDArray[np.float64] | None = None

    def request(self, name: str) -> StudyRequest:
        """Returns a request; SettingsError when there is none of that name."""
        if name not in self.requests:
            raise SettingsError(unknown("request", name, self.requests))
        return self.requests[name]

    def with_request(self, request: StudyRequest) -> Self:
        """Returns the study with one request more."""
        return replace(self, requests={**self.requests, request.name: request})

    def request_ids(self, name: str) -> Ids:
        """Returns the ids of the training records of those who ask."""
        return self.records.ids_of_users(self.request(name).forget)

    def left(self, name: str) -> InteractionLog:
        """Returns what is trained on without the request."""
        return self.records.drop(self.request_ids(name))

    @cached_property
    def calibration_log(self) -> InteractionLog:
        """The histories of the calibration users."""
        return self.parts.train.keep(self.parts.train.ids_of_users(self.calibration_users))

    @property
    def largest_request(self) -> int:
        """Users of the largest request."""
        return max((len(request.forget) for request in self.requests.values()), default=0)

    @property
    def quality_name(self) -> str:
        """The metric that tables and curves carry, such as "NDCG@20"."""
        return f"NDCG@{max(self.ks)}"

    def judged_users(self, request: str | None = None, *, part: str | None = None) -> Codes:
        """Returns the codes of the users trained on who have something to be found in the part, those who ask left out."""
        users = np.flatnonzero((self.records.user_counts > 0) & (judged_part(self.parts, part or self.part).user_counts > 0))
        return users if request is None else np.setdiff1d(users, self.request(request).forget)

    def quality(
        self,
        model: Ranker,
        request: str | None = None,
        *,
        part: str | None = None,
        users: Codes | None = None,
        ks: Sequence[int] | None = None,
    ) -> RankingResult:
        """Returns the ranking quality of those who stay; full ranking over all items.

        Training items are masked, and on the test part validation items too.

        Args:
            request: whose users are left out; None leaves out nobody.
            part: "test" or "validation"; None is the study's own.
            users: other users than `judged_users`.
            ks: other cut-offs than the study's.
        """
        part, ks = part or self.part, ks or self.ks
        users = self.judged_users(request, part=part) if users is None else users
        return ranking_metrics(rank(cast(Scores, model), self._masked[part], users, max(ks)), self._relevant[part], users, ks)

    def value(self, model: Ranker, request: str | None = None) -> float:
        """Returns the mean of `quality_name` over those who stay."""
        return self.quality(model, request).mean()[self.quality_name]

    @cached_property
    def stable_users(self) -> Codes:
        """Trained users with validation records who are not revocable: a choice made by them depends on no data that may be withdrawn."""
        return np.setdiff1d(self.judged_users(part="validation"), self.revocable)

    def stable_quality(self, model: Ranker) -> float:
        """Returns `quality_name` of the stable users on the validation part, by which a training is watched."""
        return self.quality(model, part="validation", users=self.stable_users, ks=(max(self.ks),)).mean()[self.quality_name]

    def activity(self, quality: RankingResult) -> dict[str, float]:
        """Returns `quality_name` of the more and of the less active half of the users measured."""
        halves = halves_by_activity(self.records.user_counts, quality.users)
        name = self.quality_name
        return {f"{name} {half}": quality.mean(users)[name] for half, users in zip(("active", "inactive"), halves, strict=True)}

    def probes(self, request: str, n_halves: int, *, seed: int | None = None) -> tuple[FoldInProbe, FoldInProbe]:
        """Returns the probes of those who ask and of their counterparts who were never trained on; `seed` None is the study's."""
        asked, seed = self.request(request), self.seed if seed is None else seed
        forget, holdout = (FoldInProbe(self.parts.train, users, n_halves=n_halves, seed=seed) for users in (asked.forget, asked.holdout))
        return forget, holdout

    @cached_property
    def part_hashes(self) -> dict[str, str]:
        """Name of each part -> hash of its record ids; "trained" is what is trained on."""
        parts = {"train": self.parts.train.ids, "validation": self.parts.validation.ids, "test": self.parts.test.ids}
        return {name: hash_of(ids) for name, ids in (parts | {"trained": self.records.ids}).items()}

    @cached_property
    def hashes(self) -> dict[str, str]:
        """`part_hashes`, and name of each request -> hash of the codes of those who ask."""
        return self.part_hashes | {name: hash_of(request.forget) for name, request in self.requests.items()}

    def without(self, ids: Ids) -> Self:
        """Returns the study after an erasure of records of any part.

        Who has no training record left stands in no part and in no list of users any more, without key and side information. Nothing is
        left to judge an erased user by: judge an erasure before it is taken out of the study.

        Raises:
            UnknownRecordError: ids that are in no part.
        """
        ids, parts = as_ids(ids), (self.parts.train, self.parts.validation, self.parts.test)
        if missing := np.setdiff1d(ids, np.concatenate([part.ids for part in parts])).tolist():
            raise UnknownRecordError(f"{len(missing)} of {len(ids)} ids are in no part of the study, the first {missing[0]}")
        train = parts[0].drop(ids[np.isin(ids, parts[0].ids)])
        gone = np.flatnonzero((parts[0].user_counts > 0) & (train.user_counts == 0))

        def left(part: InteractionLog) -> InteractionLog:
            dropped = part.ids[np.isin(part.ids, ids) | np.isin(part.user, gone)]
            return replace(part.drop(dropped), user_keys=train.user_keys, user_info=train.user_info)

        def stay(users: Codes) -> Codes:
            return np.setdiff1d(users, gone)

        return replace(
            self,
            parts=Parts(train, left(parts[1]), left(parts[2])),
            records=self.records.drop(self.records.ids[np.isin(self.records.ids, ids)]),
            requests={name: StudyRequest(name, stay(asked.forget), stay(asked.holdout)) for name, asked in self.requests.items()},
            revocable=stay(self.revocable),
            calibration_users=stay(self.calibration_users),
            candidates=stay(self.candidates),
            scores=None if self.scores is None else np.where(np.isin(np.arange(len(self.scores)), gone), np.nan, self.scores),
        )

    def to_folder(self, folder: Path) -> None:
        """Writes split, cohorts and vocabulary, so that outcomes are judged later on the same users, from anywhere and without the source.

        The folder is 0700 and its files 0600: they hold histories and the customer's keys.

        Raises:
            DataError: the folder is there already and not empty.
        """
        write_study(self, folder)

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Returns the study that `to_folder` wrote; DataError when there is none, or a file is not the one that was written."""
        return cls(**read_study(folder))

    @cached_property
    def _masked(self) -> dict[str, sparse.csr_array]:
        return {part: masked_items(self.parts, part) for part in ("test", "validation")}

    @cached_property
    def _relevant(self) -> dict[str, sparse.csr_array]:
        return {part: judged_part(self.parts, part).matrix() for part in ("test", "validation")}
