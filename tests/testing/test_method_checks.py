"""A method that keeps every promise passes the suite, and one that breaks a promise is caught by the check of that promise."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from broken_methods import (
    KNN,
    AttachingTwice,
    Changed,
    Halves,
    KnnTrainer,
    Noisy,
    Peeking,
    Standing,
    edges_of,
    gradient_of,
    left_behind,
    moved,
    notes_of,
    pairs_of,
    touched,
)

from r2u_rec.core.protocols import Fitted
from r2u_rec.testing import MethodCase, check_method, method_checks
from r2u_rec.unlearn.post_hoc import PostHoc

BROKEN = [
    ("recommendations_are_right_before_and_after_a_request", Changed(of_fit=lambda f: moved(f, lambda s: -s)), "right before"),
    ("recommendations_are_right_before_and_after_a_request", Changed(lambda b, a, ids: moved(a, lambda s: -s)), "right after"),
    ("recommendations_are_right_before_and_after_a_request", Changed(lambda b, a, ids: b), "left every parameter as it was"),
    ("the_old_fitted_is_untouched", Changed(touched), r"changed the old fitted at \['fitted.model._buffers.similarities'\]"),
    ("the_old_fitted_is_untouched", Changed(Noisy()), "other parameters at the second call"),
    ("the_records_that_remain", Changed(lambda b, a, ids: Fitted(a.model, b.records, a.memory)), "records remain, expected the"),
    ("unknown_and_already", Changed(of_ids=lambda b, ids: np.intersect1d(ids, b.records.ids)), "an already forgotten id was accepted"),
    ("forgetting_nothing", Changed(lambda b, a, ids: moved(a, lambda s: s + 1)), "an empty request changed the parameters"),
    ("two_requests_may", Changed(lambda b, a, ids: moved(a, lambda s: 2 * s + len(ids))), "two orders of requests: neighbours: differs"),
    ("nothing_that_remains", left_behind(lambda before, ids: ids), r"memory.kept\[0\] holds the id of an erased record"),
    ("nothing_that_remains", left_behind(pairs_of), "holds an erased pair of user and item"),
    ("nothing_that_remains", left_behind(edges_of), "holds an erased edge of the graph"),
    ("nothing_that_remains", left_behind(gradient_of), "holds a gradient"),
    ("nothing_that_remains", left_behind(notes_of), "holds the key of an erased user|holds the id of an erased record"),
    (
        "an_exact_method",
        Changed(lambda b, a, ids: moved(a, lambda s: s + 1e-6)),
        "a fit on what remains: similarities: differs by up to",
    ),
]
OF_TASKS = [
    ("the_model_stands_on", Changed(), "never attached"),
    ("the_model_stands_on", AttachingTwice(KnnTrainer(), Halves()), "expected"),
    ("editing_reads", Peeking(KnnTrainer(), Halves()), "retained data was read: user"),
]


def caught(name, case, message):
    """Every check whose name begins with `name` raises AssertionError with the message."""
    checks = [check for check in method_checks(case) if check.name.startswith(name)]
    assert checks
    for check in checks:
        with pytest.raises(AssertionError, match=message):
            check(case)


@pytest.mark.parametrize(("name", "method", "message"), BROKEN)
def test_a_broken_method_is_caught(name, method, message):
    caught(name, MethodCase(method, None), message)


@pytest.mark.parametrize(("name", "method", "message"), OF_TASKS)
def test_a_method_that_treats_its_task_wrongly_is_caught(name, method, message):
    caught(name, MethodCase(method, Standing()), message)


def test_a_user_without_records_who_still_has_scores_is_caught():
    def haunted(before, after, ids):
        after.model.histories = before.model.histories
        return after

    case = MethodCase(Changed(haunted), None)
    for check in method_checks(case):
        if check.name in ("the_model_stands_on_what_remains[one user]", "the_model_stands_on_what_remains[a stream]"):
            with pytest.raises(AssertionError, match="a user without records has scores other than 0"):
                check(case)


def test_every_check_has_a_method_that_breaks_it():
    names = {name for name, *_ in BROKEN + OF_TASKS}
    assert {check.name for check in method_checks()} == {c.name for c in method_checks() for name in names if c.name.startswith(name)}


def test_a_method_that_keeps_every_promise_passes_and_one_that_does_not_is_told_which():
    check_method(MethodCase(KNN, None))
    check_method(MethodCase(PostHoc(KnnTrainer(), Halves()), Standing()))
    with pytest.raises(
        AssertionError, match=r"1 of 24 promises are broken:\nunknown_and_already_forgotten_ids_are_refused: AssertionError: an al"
    ):
        check_method(MethodCase(Changed(of_ids=lambda b, ids: np.intersect1d(ids, b.records.ids)), None))


def test_checks_that_a_case_does_not_promise_are_left_out():
    approximate = {check.name for check in method_checks(MethodCase(PostHoc(KnnTrainer(), Halves()), Standing()))}
    everything = {check.name for check in method_checks()}
    assert {name.split("[")[0] for name in everything - approximate} == {"an_exact_method_equals_a_fit_on_what_remains"}
    assert all(check.promise for check in method_checks())


def test_the_suites_need_no_test_framework():
    code = "import sys, r2u_rec.testing; print({'pytest', '_pytest', 'hypothesis', 'unittest'} & set(sys.modules) - {'unittest'})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"
