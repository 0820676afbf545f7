"""The promises of `core.protocols.Method`: what an author of a way to forget checks it against.

from r2u_rec.testing import MethodCase, method_checks

CASE = MethodCase(MyMethod(), MyTask())

@pytest.mark.parametrize("check", method_checks(CASE), ids=str)
def test_my_method_keeps_the_promise(check):
    check(CASE)
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Any

import numpy as np

from r2u_rec.core.protocols import Fitted, Method
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import UnknownRecordError
from r2u_rec.ids import Ids
from r2u_rec.testing.checkerboard import checkerboard, right_colour_share
from r2u_rec.testing.checks import Check, applicable, require, require_close, run_checks
from r2u_rec.testing.contents import content, leaves, state_bytes
from r2u_rec.testing.watched import LockedRecords, watched
from r2u_rec.unlearn.post_hoc import PostHoc

FIT_SEED, FORGET_SEED = 0, 1
REQUESTS = ("one user", "a batch of users", "one interaction", "interactions of several users", "a stream")


@dataclasses.dataclass(frozen=True, eq=False)
class MethodCase:
    """A method with a task to apply it to. Fits and requests are computed once and shared by the checks.

    Attributes:
        method: what is checked. task: what it fits; None for a method that needs none.
        log: records of a checkerboard with at least 21 users and 101 records.
        exact_tolerance: largest absolute difference of a parameter between an exact method and a fit on what remains; 0 asks for equality.
        order_tolerance: largest absolute difference of a parameter between two orders of requests; None takes 1e-10 for exact methods
            and 0.5 for others.
        least_right_share: share in [0, 1] of the recommendations that must be right before and after a request.
    """

    method: Method
    task: Any
    log: InteractionLog = dataclasses.field(default_factory=checkerboard)
    exact_tolerance: float = 0.0
    order_tolerance: float | None = None
    least_right_share: float = 0.9
    _forgotten: dict[str, Fitted] = dataclasses.field(default_factory=dict, init=False, repr=False)

    @cached_property
    def watched(self) -> Any:
        """The task, which counts how often a model is attached."""
        return watched(self.task)

    @cached_property
    def fitted(self) -> Fitted:
        """What the method fits to the whole log."""
        return self.method.fit(self.watched, self.log, seed=FIT_SEED)

    @cached_property
    def requests(self) -> dict[str, list[Ids]]:
        """The requests by name, each a list of ids that are forgotten one after another."""
        log, several = self.log, self.log.ids_of_users([5])
        return {
            "one user": [several],
            "a batch of users": [log.ids_of_users([2, 5, 20])],
            "one interaction": [log.ids[[31]]],
            "interactions of several users": [log.ids[[0, 31, 33, 100]]],
            "a stream": [log.ids[[31]], log.ids_of_users([2]), np.setdiff1d(several, log.ids[[31]])],
        }

    def forget(self, fitted: Fitted, ids: Any) -> Fitted:
        """Returns what the method leaves of `fitted` without the records `ids`."""
        return self.method.forget(self.watched, fitted, ids, seed=FORGET_SEED)

    def forgotten(self, request: str) -> Fitted:
        """Returns the result of a request by name."""
        if request not in self._forgotten:
            now = self.fitted
            for ids in self.requests[request]:
                now = self.forget(now, ids)
            self._forgotten[request] = now
        return self._forgotten[request]


def recommendations_are_right_before_and_after_a_request(case: MethodCase) -> None:
    """Users are recommended items of their own parity before and after another user leaves, and a request changes the model."""
    seen, users = case.log.matrix(), np.arange(case.log.n_users)
    for when, now, served in (("before", case.fitted, users), ("after", case.forgotten("one user"), np.delete(users, 5))):
        share = right_colour_share(now.model.scores(users)[served], seen[served], served % 2)  # type: ignore[operator]
        require(share >= case.least_right_share, f"{share:.2f} of the recommendations are right {when} a request")
    require(state_bytes(case.fitted.model) != state_bytes(case.forgotten("one user").model), "a request left every parameter as it was")


def the_old_fitted_is_untouched_and_the_same_seed_gives_the_same_bytes(case: MethodCase, request: str) -> None:
    """`forget` leaves the old `Fitted` as it was, bit for bit, and a second call with the same seed gives the same bytes."""
    before = case.fitted
    _ = before.records.user_counts, before.records.item_counts, before.records.pairs, before.records.free_ranks  # filled at the first use
    untouched, now = content(before), before
    for ids in case.requests[request]:
        now = case.forget(now, ids)
    changed = [a[0] for a, b in zip(untouched, content(before), strict=True) if a != b]
    require(not changed, f"forgetting changed the old fitted at {changed}")
    again = state_bytes(now.model) == state_bytes(case.forgotten(request).model)
    require(again, "the same seed gave other parameters at the second call")


def the_records_that_remain_are_those_not_named(case: MethodCase, request: str) -> None:
    """`records` holds every record but those named, unchanged and in order, with codes that do not shift."""
    after, log = case.forgotten(request).records, case.log
    left = np.setdiff1d(log.ids, np.concatenate(case.requests[request]))
    require(after.ids.tolist() == left.tolist(), f"{len(after.ids)} records remain, expected the {len(left)} not named")
    require(after.item.tolist() == log.item[np.isin(log.ids, left)].tolist(), "the records that remain have other items than before")
    require((after.n_users, after.n_items) == (log.n_users, log.n_items), "the codes of users or items shifted")


def unknown_and_already_forgotten_ids_are_refused(case: MethodCase) -> None:
    """Ids that never existed or are already forgotten raise UnknownRecordError: a request is never carried out in part."""
    for kind, ids in (("already forgotten", case.requests["one user"][0][:1]), ("unknown", np.array([7]))):
        try:
            case.forget(case.forgotten("one user"), ids)
        except UnknownRecordError:
            continue
        raise AssertionError(f"an {kind} id was accepted: raise UnknownRecordError")


def forgetting_nothing_changes_nothing(case: MethodCase) -> None:
    """An empty request returns equal parameters and the same records."""
    after = case.forget(case.fitted, [])
    require(state_bytes(after.model) == state_bytes(case.fitted.model), "an empty request changed the parameters")
    require(after.records.ids.tolist() == case.log.ids.tolist(), "an empty request changed the records")


def two_requests_may_come_in_either_order(case: MethodCase) -> None:
    """Two disjoint requests leave the same records in either order, and parameters that agree within `order_tolerance`."""
    users, single = case.requests["one user"][0], case.log.ids[[100]]
    one, other = (case.forget(case.forget(case.fitted, first), second) for first, second in ((users, single), (single, users)))
    require(one.records.ids.tolist() == other.records.ids.tolist(), "the records that remain depend on the order of requests")
    exact = 1e-10 if case.method.exact else 0.5
    tolerance = exact if case.order_tolerance is None else case.order_tolerance
    _require_equal_states(one, other, "two orders of requests", tolerance)


def the_model_stands_on_what_remains(case: MethodCase, request: str) -> None:
    """Users without records score 0. `attach` ran on what remains; `PostHoc` attaches exactly once per fit and request."""
    after = case.forgotten(request)
    gone = np.flatnonzero(after.records.user_counts == 0)
    require(np.abs(after.model.scores(gone)).sum() == 0, "a user without records has scores other than 0")  # type: ignore[operator]
    n_attached = getattr(after.model, "attached", 0)
    if isinstance(case.method, PostHoc):
        wanted = 1 + len(case.requests[request])
        require(n_attached == wanted, f"the model was attached {n_attached} times, expected {wanted}: once per fit and request")
    elif case.task is not None:
        require(n_attached >= 1, "the model was never attached to what remains")


def nothing_that_remains_holds_an_erased_id_key_or_pair(case: MethodCase, request: str) -> None:
    """No attribute, parameter, buffer, gradient, graph, history, table of memory or record holds an erased id, key, note or pair."""
    after, log = case.forgotten(request), case.log
    erased, gone = np.concatenate(case.requests[request]), np.flatnonzero(after.records.user_counts == 0)
    keys = {str(np.asarray(log.user_keys.keys)[user]) for user in gone}
    pairs = [(int(log.user[i]), int(log.item[i])) for i in log.positions(np.sort(erased))]
    for where, leaf in leaves(after):
        require(not where.endswith(".grad") or leaf is None, f"{where} holds a gradient")
        values = np.asarray(leaf)
        if values.dtype.kind in "iu":
            require(not np.isin(values, erased).any(), f"{where} holds the id of an erased record")
        if values.dtype.kind in "OUT":
            text = {part for value in values.ravel() for part in str(value).split()}
            require(not text & keys, f"{where} holds the key of an erased user")
        if values.shape == (log.n_users, log.n_items):
            require(all(values[pair] == 0 for pair in pairs), f"{where} holds an erased pair of user and item")
        if values.shape == (log.n_users + log.n_items,) * 2:
            edges = [(u, log.n_users + i) for u, i in pairs]
            require(all(values[u, i] == values[i, u] == 0 for u, i in edges), f"{where} holds an erased edge of the graph")


def an_exact_method_equals_a_fit_on_what_remains(case: MethodCase, request: str) -> None:
    """A method that says `exact` leaves the parameters of a fit on what remains.

    The fit has the seed of the request; where the memory has a `seed`, parts are trained anew with that one, and so is the fit.
    """
    after = case.forgotten(request)
    again = case.method.fit(case.watched, after.records, seed=getattr(after.memory, "seed", FORGET_SEED))
    _require_equal_states(after, again, "forgetting and a fit on what remains", case.exact_tolerance)


def editing_reads_the_request_alone(case: MethodCase) -> None:
    """A `PostHoc` method reads of the retained records their ids alone; `attach`, which must read them, is excepted."""
    locked = dataclasses.replace(case.fitted, records=LockedRecords(case.log))
    after = case.forget(locked, *case.requests["a batch of users"])
    same = state_bytes(after.model) == state_bytes(case.forgotten("a batch of users").model)
    require(same, "an edit whose retained records are locked gives other parameters")


def _require_equal_states(one: Fitted, other: Fitted, what: str, atol: float) -> None:
    for (name, a), b in zip(one.model.state_dict().items(), other.model.state_dict().values(), strict=True):
        require_close(a.numpy(), b.numpy(), f"{what}: {name}", atol=atol)


def _is_exact(case: MethodCase) -> bool:
    return case.method.exact


def _is_post_hoc(case: MethodCase) -> bool:
    return isinstance(case.method, PostHoc)


METHOD_CHECKS: tuple[Check[MethodCase], ...] = (
    Check(recommendations_are_right_before_and_after_a_request),
    *(Check(the_old_fitted_is_untouched_and_the_same_seed_gives_the_same_bytes, r) for r in ("a batch of users", "a stream")),
    *(Check(the_records_that_remain_are_those_not_named, r) for r in REQUESTS),
    Check(unknown_and_already_forgotten_ids_are_refused),
    Check(forgetting_nothing_changes_nothing),
    Check(two_requests_may_come_in_either_order),
    *(Check(the_model_stands_on_what_remains, r) for r in REQUESTS),
    *(Check(nothing_that_remains_holds_an_erased_id_key_or_pair, r) for r in REQUESTS),
    *(
        Check(an_exact_method_equals_a_fit_on_what_remains, r, _is_exact)
        for r in ("a batch of users", "interactions of several users", "a stream")
    ),
    Check(editing_reads_the_request_alone, None, _is_post_hoc),
)


def method_checks(case: MethodCase | None = None) -> tuple[Check[MethodCase], ...]:
    """Returns the checks of a method: those that apply to `case`, all of them when it is None."""
    return applicable(METHOD_CHECKS, case)


def check_method(case: MethodCase) -> None:
    """Runs every check that applies; AssertionError names each broken promise."""
    run_checks(METHOD_CHECKS, case)
