"""The promises of a fitted recommender: scores for known users, scores for histories of unknown ones, and a state that can be saved.

from r2u_rec.testing import ModelCase, model_checks

CASE = ModelCase(lambda log, seed: Fitted(my_trainer.train(my_task, log, seed=seed), log))

@pytest.mark.parametrize("check", model_checks(CASE), ids=str)
def test_my_model_keeps_the_promise(check):
    check(CASE)
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.testing.checkerboard import checkerboard, histories, right_colour_share
from r2u_rec.testing.checks import Check, applicable, require, require_close, run_checks
from r2u_rec.testing.contents import global_state, state_bytes


def stand_on(model: Any, records: InteractionLog) -> Any:
    """Makes the model stand on `records`: what derives from data is rebuilt, and users without records lose their rows."""
    if hasattr(model, "rebuild"):
        model.rebuild(records)
    if hasattr(model, "forget_rows_"):
        model.forget_rows_(np.flatnonzero(records.user_counts == 0))
    return model


@dataclass(frozen=True, eq=False)
class ModelCase:
    """A recommender and how it is fitted. The fit is computed once and shared by the checks.

    Attributes:
        fit: (log, seed) -> what training leaves behind.
        log: records of a checkerboard with at least 6 users.
        personal: False for a model that answers everybody alike, such as popularity.
        stand_on: (model, records) -> the model, standing on other records; what a task's `attach` does.
        rtol, atol: two answers agree within these; products of matrices add in an order that depends on the batch.
        left_user: whose records leave.
    """

    fit: Callable[[InteractionLog, int], Fitted]
    log: InteractionLog = field(default_factory=checkerboard)
    personal: bool = True
    stand_on: Callable[[Any, InteractionLog], Any] = stand_on
    rtol: float = 1e-5
    atol: float = 2e-6
    left_user: int = 5

    @cached_property
    def fitted(self) -> Fitted:
        """What is fitted to the whole log with seed 0."""
        return self.fit(self.log, 0)

    @property
    def model(self) -> Any:
        """The fitted model."""
        return self.fitted.model

    @property
    def users(self) -> NDArray[np.int64]:
        """All user codes."""
        return np.arange(self.log.n_users)

    @cached_property
    def left(self) -> InteractionLog:
        """The log without the records of `left_user`."""
        return self.log.drop(self.log.ids_of_users([self.left_user]))

    def same(self, found: Any, wanted: Any, message: str) -> None:
        """Requires equal answers within the tolerances."""
        require_close(found, wanted, message, rtol=self.rtol, atol=self.atol)


def users_are_recommended_their_parity(case: ModelCase) -> None:
    """Nine in ten of the recommended items have the user's parity."""
    share = right_colour_share(case.model.scores(case.users), case.log.matrix(), case.users % 2)
    require(share >= 0.9, f"{share:.2f} of the recommendations are right")


def scores_are_finite_float32_with_a_row_for_each_user(case: ModelCase) -> None:
    """`scores` returns a float32 array with one row per user asked, in order, repeated users included, and one column per item."""
    scores = case.model.scores(np.array([7, 3, 7]))
    require(type(scores) is np.ndarray and scores.dtype == np.float32, f"scores are {type(scores).__name__}, expected a float32 ndarray")
    require(scores.shape == (3, case.log.n_items), f"scores of 3 users have shape {scores.shape}, expected (3, {case.log.n_items})")
    require(np.isfinite(scores).all(), "scores are not finite")
    case.same(scores[0], scores[2], "a user asked twice")


def no_user_is_an_empty_answer(case: ModelCase) -> None:
    """No users and no histories give float32 arrays of shape (0, n_items)."""
    nobody = case.log.matrix()[:0]
    for scores in (case.model.scores(case.users[:0]), case.model.fold_in(histories(case.log.n_items)), case.model.fold_in(nobody)):
        right = scores.shape == (0, case.log.n_items) and scores.dtype == np.float32
        require(right, f"no user gives {scores.dtype} of shape {scores.shape}, expected float32 of shape (0, {case.log.n_items})")


def scores_do_not_depend_on_batches_or_order(case: ModelCase) -> None:
    """`scores` and `fold_in` answer each user alike, however users are batched or ordered."""
    model, matrix, n = case.model, case.log.matrix(), case.log.n_users
    whole, folded = model.scores(case.users), model.fold_in(matrix)
    for size in (1, 5):
        batches = [slice(start, start + size) for start in range(0, n, size)]
        case.same(np.concatenate([model.scores(case.users[b]) for b in batches]), whole, f"scores in batches of {size}")
        case.same(np.concatenate([model.fold_in(matrix[b]) for b in batches]), folded, f"fold_in in batches of {size}")
    case.same(model.scores(case.users[::-1].copy())[::-1], whole, "scores in reverse order")


def asking_does_not_change_the_model(case: ModelCase) -> None:
    """The model is in eval mode, its state survives questions, and an answer may be overwritten by the asker."""
    model = case.model
    require(not model.training, "the fitted model is in training mode")
    before, scores, folded = state_bytes(model), model.scores(case.users), model.fold_in(case.log.matrix())
    kept = scores.copy(), folded.copy()
    scores[:], folded[:] = -np.inf, -np.inf  # as masking does
    case.same(model.scores(case.users), kept[0], "scores after the first answer was overwritten")
    case.same(model.fold_in(case.log.matrix()), kept[1], "fold_in after the first answer was overwritten")
    require(state_bytes(model) == before, "asking changed the state of the model")
    require(not model.training, "asking left the model in training mode")


def unknown_users_are_recommended_the_parity_of_their_history(case: ModelCase) -> None:
    """`fold_in` recommends users it never trained on items of the parity of their history, in 85 of 100 cases."""
    unknown = histories(case.log.n_items, [0, 2, 4, 8], [1, 5, 9, 15], [2, 6, 12], [3, 7, 9, 11, 13])
    share = right_colour_share(case.model.fold_in(unknown), unknown, np.array([0, 1, 0, 1]))
    require(share >= 0.85, f"{share:.2f} of the recommendations for unknown users are right")


def an_empty_history_is_scored_alone(case: ModelCase) -> None:
    """`fold_in` gives an empty history finite scores that do not depend on the histories beside it."""
    alone = case.model.fold_in(histories(case.log.n_items, []))
    among = case.model.fold_in(histories(case.log.n_items, [0, 2, 4], [], [1, 3, 5], []))
    require(np.isfinite(alone).all(), "scores of an empty history are not finite")
    case.same(among[[1, 3]], alone[[0, 0]], "an empty history among others")


def a_saved_state_gives_the_same_answers_in_a_fresh_model(case: ModelCase) -> None:
    """The state dict, loaded into a model of the same kind that stands on the same records, gives the same answers.

    Whatever derives from the records (graphs, histories) comes from `stand_on`, never from the state dict.
    """
    model, log = case.model, case.log
    fresh: Any = case.fit(log.take(np.arange(len(log)) % 5 > 0), 1).model
    require(not np.allclose(fresh.scores(case.users), model.scores(case.users)), "another seed and other records give the same model")
    fresh.load_state_dict(copy.deepcopy(model.state_dict()))
    case.stand_on(fresh, log)
    case.same(fresh.scores(case.users), model.scores(case.users), "scores of the loaded model")
    case.same(fresh.fold_in(log.matrix()), model.fold_in(log.matrix()), "fold_in of the loaded model")


def a_user_without_records_scores_0_and_the_others_are_served(case: ModelCase) -> None:
    """Without a user's records, after `stand_on` or a new fit, that user scores 0 and the others get right recommendations."""
    others = np.delete(case.users, case.left_user)
    stood: Any = case.stand_on(copy.deepcopy(case.model), case.left)
    refitted: Any = case.fit(case.left, 0).model
    for how, model in (("after stand_on", stood), ("after a new fit", refitted)):
        scores = model.scores(case.users)
        require(np.isfinite(scores).all(), f"scores are not finite {how}")
        if not case.personal:
            require(np.array_equal(scores[case.left_user], scores[others[0]]), f"users are answered differently {how}")
            continue
        require(not scores[case.left_user].any(), f"the user without records has scores other than 0 {how}")
        share = right_colour_share(scores[others], case.left.matrix()[others], others % 2)
        require(share >= 0.9, f"{share:.2f} of the recommendations for the others are right {how}")


def standing_on_the_same_records_again_changes_nothing(case: ModelCase) -> None:
    """`stand_on` with the records that the model stands on already leaves state and answers as they are."""
    again = case.stand_on(copy.deepcopy(case.model), case.log)
    require(state_bytes(again) == state_bytes(case.model), "standing on the same records changed the state")
    case.same(again.scores(case.users), case.model.scores(case.users), "scores after standing on the same records again")


def the_same_seed_gives_the_same_bytes_and_no_global_state_changes(case: ModelCase) -> None:
    """A second fit with the same seed gives the same bytes; torch's and numpy's generators and the thread count are as before."""
    before = global_state()
    again = case.fit(case.log, 0).model
    require(state_bytes(again) == state_bytes(case.model), "the same seed gave another state")
    require(global_state() == before, "fitting changed a global generator or the number of threads")


def _is_personal(case: ModelCase) -> bool:
    return case.personal


MODEL_CHECKS: tuple[Check[ModelCase], ...] = (
    Check(users_are_recommended_their_parity, None, _is_personal),
    Check(scores_are_finite_float32_with_a_row_for_each_user),
    Check(no_user_is_an_empty_answer),
    Check(scores_do_not_depend_on_batches_or_order),
    Check(asking_does_not_change_the_model),
    Check(unknown_users_are_recommended_the_parity_of_their_history, None, _is_personal),
    Check(an_empty_history_is_scored_alone),
    Check(a_saved_state_gives_the_same_answers_in_a_fresh_model),
    Check(a_user_without_records_scores_0_and_the_others_are_served),
    Check(standing_on_the_same_records_again_changes_nothing),
    Check(the_same_seed_gives_the_same_bytes_and_no_global_state_changes),
)


def model_checks(case: ModelCase | None = None) -> tuple[Check[ModelCase], ...]:
    """Returns the checks of a recommender: those that apply to `case`, all of them when it is None."""
    return applicable(MODEL_CHECKS, case)


def check_model(case: ModelCase) -> None:
    """Runs every check that applies; AssertionError names each broken promise."""
    run_checks(MODEL_CHECKS, case)
