"""Requests are drawn as the docstring says: so many, by these users, of these kinds, and the same by the same seed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from stream_toys import DAY, END, START, log_of, random_log

from r2u_rec.data import InteractionLog
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.simulation import Arrivals, Incident, Request, Stream, draw_requests
from r2u_rec.simulation.arrivals import MONTH_DAYS, _poisson_times

DAYS = (END - START) / DAY
PEAK = START + 100 * DAY


def drawn(log: InteractionLog, seed: int = 0, **options: Any) -> tuple[Request, ...]:
    """A year of requests."""
    rate = {} if "rate_per_month" in options else {"rate_per_day": 1.0}
    return draw_requests(log, **({"start": START, "end": END, "seed": seed} | rate | options))


def codes(log: InteractionLog, requests: tuple[Request, ...]) -> list[int]:
    return log.user_keys.codes([request.user for request in requests]).tolist()


@pytest.fixture(scope="module")
def crowd() -> InteractionLog:
    """8,000 users, two records each."""
    return random_log(8000, 50, 2)


@pytest.fixture(scope="module")
def readers() -> InteractionLog:
    """300 users with 40 records each, of items with genres."""
    return random_log(300, 60, 40, genres=True)


@pytest.mark.parametrize(("options", "per_day"), [({"rate_per_day": 7.5}, 7.5), ({"rate_per_month": 60}, 60 / MONTH_DAYS)])
def test_as_many_requests_arrive_as_the_rate_says(crowd: InteractionLog, options: dict[str, float], per_day: float) -> None:
    requests = drawn(crowd, **options)
    assert abs(len(requests) - per_day * DAYS) < 5 * np.sqrt(per_day * DAYS)
    gaps = np.diff([request.received for request in requests])  # exponential: deviation = mean
    assert abs(gaps.std() / gaps.mean() - 1) < 0.15
    assert [request.number for request in requests] == list(range(len(requests)))
    assert all(START <= request.received < END for request in requests)


def test_a_month_is_a_twelfth_of_a_year() -> None:
    assert pytest.approx(30.4375) == MONTH_DAYS


def test_times_go_on_to_the_end_when_the_first_block_of_draws_falls_short() -> None:
    class Hurried:
        """Gaps of half the mean."""

        def exponential(self, size: int) -> np.ndarray:
            return np.full(size, 0.5)

    assert _poisson_times(10, 110, 1.0, Hurried()).tolist() == [10 + 0.5 * n for n in range(1, 200)]  # type: ignore[arg-type]


def test_who_asks_for_everything_never_asks_again(crowd: InteractionLog) -> None:
    requests = drawn(crowd, rate_per_day=10.0, weights=np.random.default_rng(0).pareto(1.0, 8000), incidents=[Incident(PEAK, 0.1)])
    assert len({request.user for request in requests}) == len(requests) > 3000


def test_users_leave_in_proportion_to_their_hazard(crowd: InteractionLog) -> None:
    """Of k departures in proportion to the hazard, a group of hazard h has lost 1 - exp(-h t), with t such that all losses add up to k."""
    group = np.arange(8000) % 4
    hazard = np.array([0.0, 1.0, 3.0, 30.0])
    requests = drawn(crowd, rate_per_day=8.0, weights=hazard[group])
    found = np.bincount(group[codes(crowd, requests)], minlength=4)
    t = brentq(lambda t: 2000 * -np.expm1(-hazard * t).sum() - len(requests), 0, 10)
    lost = -np.expm1(-hazard * t)
    assert found[0] == 0
    assert (abs(found - 2000 * lost)[1:] < 5 * np.sqrt(2000 * lost * (1 - lost))[1:]).all()


def test_the_order_of_departures_has_the_probabilities_of_draws_without_replacement() -> None:
    """Three users of very different hazard, so that later draws have to pass over those who have left."""
    log = log_of([(user, 0, 0) for user in range(3)])
    hazard = np.array([300.0, 2.0, 1.0])
    found = Counter(tuple(codes(log, drawn(log, seed, weights=hazard, rate_per_day=0.1))) for seed in range(800))
    for order in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 0, 1)]:
        chance = hazard[order[0]] / 303 * hazard[order[1]] / (303 - hazard[order[0]])
        assert abs(found[order] - 800 * chance) < 5 * np.sqrt(800 * chance) + 1
    assert sum(found.values()) == 800


def test_an_event_for_which_nobody_is_left_brings_no_request() -> None:
    log = log_of([(user, 0, 0) for user in range(5)])
    assert sorted(codes(log, drawn(log))) == [0, 1, 2, 3, 4]
    assert sorted(codes(log, drawn(log, weights=[0, 1, np.nan, 1e-9, 0]))) == [1, 3]
    assert drawn(log, rate_per_day=0) == ()


def test_nobody_asks_before_the_first_record_is_known() -> None:
    rows = [(user, item, 0) for user in range(40) for item in range(2)]
    log = log_of(rows)
    late = np.arange(20)
    ids = log.ids_of_users(late)
    times = START + 100 * DAY + 10 * np.arange(40)
    requests = drawn(log, weights=np.where(np.arange(40) < 20, 1000, 1), arrivals=Arrivals(times, ids), incidents=[Incident(START, 0.5)])
    asked = dict(zip(codes(log, requests), [request.received for request in requests], strict=True))
    joined = {int(log.user[log.positions(ids[[at]])][0]): int(times[at]) for at in range(39, -1, -1)}
    assert set(asked) >= set(range(20))
    assert all(asked[user] >= joined[user] for user in range(20))


def test_a_user_without_records_never_asks() -> None:
    log = log_of([(0, 0, 0), (2, 0, 0)], users=["a", "b", "c", "d"])
    requests = drawn(log, weights=[1, 1e9, 1, 1e9], incidents=[Incident(PEAK, 1.0)])
    assert sorted(request.user for request in requests) == ["a", "c"]


def test_after_an_incident_its_share_leaves_within_its_days(crowd: InteractionLog) -> None:
    requests = drawn(crowd, rate_per_day=0, incidents=[Incident(PEAK, 0.02, within_days=7), Incident(PEAK + 50 * DAY, 0.1, within_days=2)])
    first, second = (np.array([r.received - at for r in requests if at <= r.received < at + 40 * DAY]) for at in (PEAK, PEAK + 50 * DAY))
    assert (len(first), len(second)) == (160, 784)  # 2 % of 8,000; 10 % of those who are left
    assert (first.max() < 7 * DAY, second.max() < 2 * DAY) == (True, True)
    assert abs(second.mean() / (2 * DAY) - 0.281) < 5 * 0.22 / np.sqrt(784)  # the truncated exponential's mean and deviation


def test_who_has_left_is_not_counted_by_an_incident() -> None:
    log = log_of([(user, 0, 0) for user in range(10)])
    requests = drawn(log, weights=np.arange(10) < 4, incidents=[Incident(END - 30 * DAY, 0.5, within_days=10)])
    assert len(requests) == 4 + 3


def test_two_incidents_at_one_moment_strike_independently(crowd: InteractionLog) -> None:
    requests = drawn(crowd, rate_per_day=0, incidents=[Incident(PEAK, 0.5), Incident(PEAK, 0.5)])
    assert abs(len(requests) - 6000) < 5 * np.sqrt(8000 * 0.75 * 0.25)


def test_those_who_would_ask_after_the_end_are_left_out(crowd: InteractionLog) -> None:
    requests = drawn(crowd, rate_per_day=0, incidents=[Incident(END - DAY, 0.5, within_days=30)])
    assert 0 < len(requests) < 1000


def test_an_incident_more_leaves_the_other_draws_as_they_are(crowd: InteractionLog) -> None:
    kinds = {"user": 3, "interaction": 1}
    calm = drawn(crowd, kinds=kinds)
    struck = drawn(crowd, kinds=kinds, incidents=[Incident(PEAK, 0.3, within_days=1)])
    again = drawn(crowd, kinds=kinds, incidents=[Incident(PEAK - DAY, 1e-4), Incident(PEAK, 0.3, within_days=1)])
    assert {(r.received, r.kind) for r in calm} <= {(r.received, r.kind) for r in struck}
    left = {r.user for r in struck if PEAK <= r.received < PEAK + DAY}
    kept = {(r.received, r.user) for r in calm if r.user not in left}
    assert len(kept - {(r.received, r.user) for r in struck}) <= 0.02 * len(calm)
    assert len(left - {r.user for r in again if PEAK <= r.received < PEAK + DAY}) <= 0.01 * len(left)


def test_a_later_end_adds_requests_behind(readers: InteractionLog) -> None:
    options: dict[str, Any] = {"kinds": {"user": 1, "interaction": 3, "item": 1, "window": 2, "category": 1}, "categories": "genres"}
    longer = drawn(readers, end=END + 60 * DAY, **options)
    assert longer[: len(drawn(readers, **options))] == drawn(readers, **options)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(readers: InteractionLog) -> None:
    def digest(seed: int, order: tuple[str, ...]) -> str:
        kinds = {kind: 1.0 for kind in order}
        requests = drawn(readers, seed, kinds=kinds, categories="genres", incidents=[Incident(PEAK, 0.05)], weights=np.arange(300))
        return Stream(START, END, requests, np.empty(0, np.int64), np.empty(0, np.int64)).digest

    order = ("user", "interaction", "item", "category", "window")
    assert digest(3, order) == digest(3, order[::-1]) != digest(4, order)


def test_kinds_come_by_their_shares(readers: InteractionLog) -> None:
    requests = drawn(readers, rate_per_day=5.0, kinds={"interaction": 6, "window": 3, "user": 1, "item": 0})
    found = Counter(request.kind for request in requests)
    for kind, share in (("interaction", 0.6), ("window", 0.3), ("user", 0.1)):
        assert abs(found[kind] - share * len(requests)) < 5 * np.sqrt(len(requests) * share)
    assert set(found) == {"interaction", "window", "user"}


def test_an_interaction_is_a_known_record_that_is_asked_for_once(readers: InteractionLog) -> None:
    late = readers.ids[readers.user == 7][5:]
    arrivals = Arrivals(np.full(len(late), END - 2), late)
    weights = np.where(np.arange(300) == 7, 1e9, 1.0)
    requests = drawn(readers, kinds={"interaction": 1}, weights=weights, arrivals=arrivals)
    asked = [(request.user, request.item) for request in requests]
    own = [r.item for r in requests if r.user == "u7" and r.received < END - 2]
    known = readers.item_keys.keys[readers.item[readers.positions(readers.ids[readers.user == 7][:5])]]
    assert sorted(own) == sorted(known)
    assert len(asked) > 300
    pairs = Counter(zip(readers.user_keys.keys[readers.user], readers.item_keys.keys[readers.item], strict=True))
    assert all(times <= pairs[pair] for pair, times in Counter(asked).items())


def test_who_has_left_asks_for_nothing_more(readers: InteractionLog) -> None:
    left: set[str] = set()
    for request in drawn(readers, rate_per_day=3, kinds={"user": 1, "interaction": 2, "window": 1}, weights=np.arange(300)):
        assert request.user not in left
        left |= {request.user} if request.kind == "user" else set()
    assert len(left) > 150


def test_a_window_reaches_from_one_record_of_the_user_to_another(readers: InteractionLog) -> None:
    requests = drawn(readers, kinds={"window": 1})
    for request in requests:
        own = readers.time[readers.user == readers.user_keys.code(request.user)]
        assert request.since in own
        assert request.until - 1 in own
    lengths = [request.until - request.since for request in requests]
    assert np.median(lengths) > 30 * DAY


def test_items_are_withdrawn_once_by_popularity_or_all_alike() -> None:
    log = log_of([(user, int(user % 10 > 0) + 2 * (user // 10 % 50), 0) for user in range(2000)])  # even items have 4 records, odd ones 36
    popular, alike = (
        [drawn(log, seed, rate_per_day=20 / DAYS, kinds={"item": 1}, items_by=by) for seed in range(60)] for by in ("popularity", "uniform")
    )
    for withdrawn in popular + alike:
        assert len({request.item for request in withdrawn}) == len(withdrawn)
    odd = [np.mean([log.item_keys.code(r.item) % 2 for one in drawings for r in one]) for drawings in (popular, alike)]
    assert 0.8 < odd[0] < 0.9  # 0.9 at the first draw
    assert abs(odd[1] - 0.5) < 5 * 0.5 / np.sqrt(1200)


def test_categories_are_asked_for_once_each(readers: InteractionLog) -> None:
    requests = drawn(readers, kinds={"category": 1}, categories="genres")
    assert sorted(r.category for r in requests) == ["even", "g0", "g1", "g2", "g3", "g4"]


def test_nobody_asks_for_an_interaction_with_a_withdrawn_item(readers: InteractionLog) -> None:
    requests = drawn(readers, rate_per_day=4, kinds={"item": 1, "interaction": 10})
    gone: set[str] = set()
    for request in requests:
        assert request.kind == "item" or request.item not in gone
        gone |= {request.item} if request.kind == "item" else set()
    assert len(gone) == 60  # all of them, and from then on nobody asks


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"end": START}, f"a stream must start before it ends, got start {START} and end {START}"),
        ({"rate_per_month": 3}, "give either rate_per_month or rate_per_day, got 3 and 1.0"),
        ({"rate_per_day": None}, "give either rate_per_month or rate_per_day, got None and None"),
        ({"rate_per_day": -1}, "rate_per_day must be >= 0 and finite, got -1"),
        ({"weights": [1, 2]}, "weights must have one value a user (3), got shape (2,)"),
        ({"weights": [1, -2, np.inf]}, "weights must be >= 0 and finite, got 2 others, the first -2.0: pass rank shares of the scores"),
        ({"weights": [0, np.nan, 0]}, "no user with records has a positive weight: nobody would ever ask"),
        ({"kinds": {"usr": 1}}, "unknown kind of request 'usr'; did you mean 'user'?"),
        ({"kinds": {"x": 1}}, "unknown kind of request 'x'; there are user, interaction, item, category, window"),
        ({"kinds": {"user": -1}}, "the share of 'user' must be >= 0 and finite, got -1"),
        ({"kinds": {"user": 0}}, "no kind of request has a positive share: {'user': 0}"),
        ({"incidents": [Incident(END, 0.1)]}, f"an incident has the time {END}, not in [{START}, {END}): move it, or leave it out"),
        ({"items_by": "age"}, "items_by must be popularity or uniform, got 'age'"),
        ({"kinds": {"category": 1}}, "pass categories=NAME"),
        ({"kinds": {"category": 1}, "categories": "genres"}, "the column 'genres' holds no category of an item with records"),
    ],
)
def test_a_setting_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    log = log_of([(user, 0, 0) for user in range(3)], genres=[None])
    with pytest.raises(SettingsError) as caught:
        draw_requests(log, **({"start": START, "end": END, "seed": 0, "rate_per_day": 1.0} | options))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("share", "days", "message"),
    [
        (0.0, 7, r"share of an incident must lie in \(0, 1\], got 0.0"),
        (1.5, 7, r"share of an incident must lie in \(0, 1\], got 1.5"),
        (0.1, 0, "within_days of an incident must be > 0 and finite, got 0"),
    ],
)
def test_an_incident_out_of_range_is_refused(share: float, days: float, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Incident(START, share, days)


def test_a_log_that_cannot_serve_is_refused() -> None:
    with pytest.raises(DataError, match="the log has no records: there is nobody to ask for an erasure"):
        drawn(log_of([], users=["a"]))
    with pytest.raises(DataError, match="requests of kind 'window' need the time of each record, the log has none"):
        drawn(log_of([(0, 0, 0)], timed=False), kinds={"window": 1})
