"""An urn gives numbers in proportion to their weights among those that may be drawn, by each of its ways."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from r2u_rec.simulation.crowd import WeightedSampler

N = 3000


def urn_of(weights: list[float], *, gone: list[int] = (), late: list[int] = ()) -> WeightedSampler:  # type: ignore[assignment]
    """An urn for N events in which some numbers are gone, and some may only be drawn from time 100 on."""
    n = len(weights)
    since = np.where(np.isin(np.arange(n), late), 100, 0)
    return WeightedSampler(np.array(weights), gone=np.isin(np.arange(n), gone), since=since, n_events=N, seed=0, name="test")


def shares(urn: WeightedSampler, time: float, also: Callable[[int], bool] = lambda number: True) -> np.ndarray:
    drawn = [urn.draw(event, time, also) for event in range(N)]
    return np.bincount(drawn, minlength=5) / N


@pytest.mark.parametrize(
    ("heavy", "way"),
    [(1.0, "one of eight draws is allowed"), (300.0, "one of 32 more"), (1e9, "only the rest, one by one, is")],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("refused", ["gone", "late", "also"])
def test_numbers_come_in_proportion_to_their_weights_however_many_are_refused(heavy: float, way: str, refused: str) -> None:
    urn = urn_of([1, heavy, 3, 0, 6], **{} if refused == "also" else {refused: [1]})  # type: ignore[arg-type]
    found = shares(urn, 50, lambda number: refused != "also" or number != 1)
    assert (found[[1, 3]] == 0).all()
    expected = np.array([0.1, 0.3, 0.6])
    assert (abs(found[[0, 2, 4]] - expected) < 5 * np.sqrt(expected * (1 - expected) / N)).all()


def test_a_number_may_be_drawn_from_its_time_on() -> None:
    urn = urn_of([1, 1e9, 3, 0, 6], late=[1])
    assert shares(urn, 99)[1] == 0
    assert shares(urn, 100)[1] > 0.99


def test_an_urn_from_which_all_have_gone_gives_none() -> None:
    urn = urn_of([1, 2, 0], gone=[0, 1])
    assert [urn.draw(event, 0) for event in range(3)] == [None, None, None]
    assert urn_of([1, 2], late=[0, 1]).draw(0, 99) is None
    assert urn_of([1, 2]).draw(0, 0, lambda number: False) is None


def test_an_event_draws_the_same_whatever_others_drew_before() -> None:
    one, other = (urn_of([1, 1, 3, 0, 6], gone=[1]) for _ in range(2))
    there = [one.draw(event, 0) for event in range(100)]
    assert [other.draw(event, 0) for event in range(99, -1, -1)][::-1] == there
