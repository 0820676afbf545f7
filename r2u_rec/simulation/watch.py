"""Evaluates models of any policy along a stream of requests against models retrained without all users who asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.drift import Floor
from r2u_rec.evaluate.excess import excess
from r2u_rec.evaluate.imprint import MIN_HISTORY, FoldIn, FoldInProbe
from r2u_rec.evaluate.judging import N_FOLDS
from r2u_rec.evaluate.proof import ForgettingEvaluator
from r2u_rec.evaluate.ranking import rank, ranking_metrics
from r2u_rec.simulation.stream import Stream

Codes = NDArray[np.int64]
References = Callable[[int], Sequence[Any]]
"""time -> at least two models retrained, by different seeds, on what is known then (of people who came back under a new key too)
without what anybody had asked to be erased."""

PASSED = "passed"
NAN = float("nan")


def users_who_asked(stream: Stream, log: InteractionLog, time: int) -> Codes:
    """Returns the ascending codes of the users whose request to erase all of theirs was received by `time`, carried out or not."""
    keys = [request.user for request in stream.requests if request.kind == "user" and request.received <= time]
    codes: Codes = np.unique(np.asarray(log.user_keys.codes(keys), dtype=np.int64))
    return codes[codes >= 0]


@dataclass(frozen=True, eq=False)
class ReferenceMetrics:
    """Measurements of the retrained models at one time; no model is kept.

    Attributes:
        asked: codes of the users whose request was received, ascending.
        floor: the retrained ones' lists for the users who stay. ndcg: (n_references,) their quality.
        prover: judges the imprint; None while there is no proof. evidence: "passed", or why there is none.
        few: the probe of fewer users than a proof needs, and what the retrained ones show of them and of the holdout.
        n_asked: users who asked and can be probed.
    """

    asked: Codes
    floor: Floor
    ndcg: NDArray[np.float64]
    prover: ForgettingEvaluator | None
    evidence: str
    few: tuple[FoldInProbe, Sequence[FoldIn], Sequence[FoldIn]] | None
    n_asked: int


class StreamEvaluator:
    """Evaluates models at any time of one stream; all policies are compared with the same retrained models.

    These are requested once for each time, measured and dropped. The users are the same for every policy too: the imprint is
    measured on all users who asked by that time, quality on users who never ask.
    """

    def __init__(
        self,
        histories: InteractionLog | sparse.csr_array,
        *,
        holdout: Any,
        stayers: Any,
        seen: sparse.csr_array,
        test: sparse.csr_array,
        references: References,
        remembered: Any,
        k: int = 20,
        n_halves: int = 5,
        seed: int,
    ) -> None:
        """Draws the probe of the holdout.

        Args:
            histories: log or (n_users, n_items) CSR of what the first model was trained on, and of the holdout; nothing erased. Models
                that read in order need a log with times.
            holdout: codes of users never trained on who never ask, drawn by the same hazard as the users who ask.
            stayers: codes of users known at the start who never ask, and with a test part.
            seen: (n_users, n_items) CSR; nonzero = never listed for a stayer: all of theirs but the test part.
            test: (n_users, n_items) CSR; nonzero = to be found.
            references: see `References`; asked for once a time.
            remembered: the first model, nothing erased but rows or edges of users: what a policy serves that never erases.
            k: length of the lists. n_halves: halvings of each history.
            seed: of halves, negatives and folds.

        Raises:
            ValueError: a user is in two groups, or no stayer has a test part.
            EvidenceError: fewer than five users of the holdout can be probed.
        """
        whole = histories.matrix() if isinstance(histories, InteractionLog) else sparse.csr_array(histories, copy=True)
        whole.sum_duplicates()
        whole.eliminate_zeros()
        lengths = np.diff(whole.indptr)
        self._histories = histories if isinstance(histories, InteractionLog) else whole
        self._probed = (lengths >= MIN_HISTORY) & (lengths < whole.shape[1])  # (n_users,) bool
        self._holdout, self._stayers = _codes(holdout), _codes(stayers)
        _refuse_both("held out and staying", self._holdout, self._stayers)
        if not np.diff(sparse.csr_array(test).indptr)[self._stayers].any():
            raise ValueError(f"none of the {len(self._stayers)} users who stay has a test part: name users with items to be found")
        n = int(self._probed[self._holdout].sum())
        if n < N_FOLDS:
            raise EvidenceError(
                f"{n} of {len(self._holdout)} never-trained users can be probed ({MIN_HISTORY} interactions or more), a proof needs "
                f"{N_FOLDS}: hold out more users"
            )
        self._seen, self._test, self._k, self._n_halves, self._seed = seen, test, k, n_halves, seed
        self._references, self._remembered = references, remembered
        self._of_holdout = self._probe(self._holdout)
        self._kept: dict[int, ReferenceMetrics] = {}

    def judge(self, model: Any, *, time: int, received_users: Any) -> dict[str, float | str]:
        """Returns the figures of `model` at `time`; NaN for what cannot be supported, and `evidence` says why.

        - ndcg, ndcg_share: NDCG@k of the users who stay, and as a share of the retrained ones' mean; ndcg_retrained and
          ndcg_retrained_sd of these.
        - overlap, overlap_floor: share of the top k that the model, and that another retrained one, has in common with a retrained one.
        - auc, auc_se, adaptive_auc, excess, excess_se: residual imprint of all users who asked, as in `Verdict`; auc_retrained_lowest,
          auc_retrained_highest and adaptive_auc_retrained: of the retrained ones against each other; auc_remembered: of a model
          that erased nothing.
        - n_asked, n_holdout: users probed; n_skipped: asked, but with too short a history; n_stayers; n_references.
        - evidence: "passed", or why there is no AUC: fewer than five users (excess is given all the same, from two users on with its
          standard error), or the self-test failed (then no figure of the imprint is).

        Args:
            model: with `scores(users)` and `fold_in(histories)`.
            time: of the checkpoint.
            received_users: codes of all users whose request was received by then, carried out or not; see `users_who_asked`.

        Raises:
            ValueError: other users than at an earlier call for this time, or users of the holdout or the stayers.
            EvidenceError: fewer than two retrained models.
        """
        mark = self.yardstick(time, received_users)
        lists = rank(model, self._seen, self._stayers, self._k)
        ndcg, retrained, drift = self._quality(lists), float(mark.ndcg.mean()), mark.floor.drift(lists)
        return {
            "ndcg": ndcg,
            "ndcg_share": ndcg / retrained if retrained > 0 else NAN,
            "ndcg_retrained": retrained,
            "ndcg_retrained_sd": float(mark.ndcg.std(ddof=1)),
            "overlap": drift.overlap,
            "overlap_floor": drift.floor,
            **self._imprint(mark, model),
            "n_asked": mark.n_asked,
            "n_skipped": len(mark.asked) - mark.n_asked,
            "n_holdout": len(self._of_holdout),
            "n_stayers": len(self._stayers),
            "n_references": len(mark.ndcg),
            "evidence": mark.evidence,
        }

    def yardstick(self, time: int, received_users: Any) -> ReferenceMetrics:
        """Returns the reference measurements at `time`: retrained and measured at the first call, kept for all policies."""
        asked = _codes(received_users)
        if time not in self._kept:
            _refuse_both("held out and asking to be erased", self._holdout, asked)
            _refuse_both("staying and asking to be erased", self._stayers, asked)
            self._kept[time] = self._measured(self._references(time), time, asked)
        mark = self._kept[time]
        if not np.array_equal(mark.asked, asked):
            raise ValueError(
                f"the {len(asked)} users who asked by {time} are not the {len(mark.asked)} of an earlier call for that time: give all "
                "whose request was received, whatever the policy has carried out"
            )
        return mark

    def _measured(self, references: Sequence[Any], time: int, asked: Codes) -> ReferenceMetrics:
        if len(references) < 2:
            raise EvidenceError(f"references({time}) gave {len(references)} models, at least 2 are needed: retrain with another seed")
        lists = [rank(model, self._seen, self._stayers, self._k) for model in references]
        ndcg = np.array([self._quality(found) for found in lists])
        n, prover, few, evidence = int(self._probed[asked].sum()), None, None, PASSED
        if n == 0:
            evidence = f"nobody to judge: none of {len(asked)} users who asked has {MIN_HISTORY} interactions or more"
        elif n < N_FOLDS:
            evidence = f"n too small: {n} of {len(asked)} users who asked have {MIN_HISTORY} interactions or more, {N_FOLDS} are needed"
            probe = self._probe(asked)
            few = (probe, [probe.measure(m) for m in references], [self._of_holdout.measure(m) for m in references])
        else:
            try:
                prover = ForgettingEvaluator(references, self._probe(asked), self._of_holdout, remembered=self._remembered, seed=self._seed)
            except EvidenceError as failure:
                evidence = str(failure)
        return ReferenceMetrics(asked, Floor.of(lists), ndcg, prover, evidence, few, n)

    def _imprint(self, mark: ReferenceMetrics, model: Any) -> dict[str, float]:
        names = ("auc", "auc_se", "adaptive_auc", "excess", "excess_se")
        figures = dict.fromkeys((*names, "auc_retrained_lowest", "auc_retrained_highest", "adaptive_auc_retrained", "auc_remembered"), NAN)
        if mark.prover is not None:
            verdict, evidence = mark.prover.judge(model), mark.prover.evidence
            figures |= {name: float(getattr(verdict, name)) for name in names}
            areas = [of.auc for of in evidence.references]
            figures |= {"auc_retrained_lowest": min(areas), "auc_retrained_highest": max(areas)}
            figures["adaptive_auc_retrained"] = float(np.mean([of.adaptive_auc for of in evidence.references]))
            figures["auc_remembered"] = evidence.remembered.auc
        elif mark.few is not None:
            probe, references_f, references_h = mark.few
            found = excess(probe.measure(model), self._of_holdout.measure(model), references_f, references_h)
            figures |= {"excess": found.value, "excess_se": found.se if len(probe) > 1 else NAN}
        return figures

    def _quality(self, lists: NDArray[np.int64]) -> float:
        return ranking_metrics(lists, self._test, self._stayers, (self._k,)).mean()[f"NDCG@{self._k}"]

    def _probe(self, users: Codes) -> FoldInProbe:
        return FoldInProbe(self._histories, users, n_halves=self._n_halves, seed=self._seed)


def _codes(users: Any) -> Codes:
    return np.unique(np.asarray(users, dtype=np.int64))


def _refuse_both(what: str, some: Codes, others: Codes) -> None:
    both = np.intersect1d(some, others)
    if both.size:
        raise ValueError(f"{both.size} users are both {what}, the first {both[0]}: let each user play one part")
