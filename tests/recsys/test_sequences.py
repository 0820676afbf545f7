"""Sequences and windows against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from neural_toys import N_ITEMS, N_USERS, story, timed_log

from r2u_rec.data.chronology import ranked_matrix
from r2u_rec.errors import DataError, UnknownRecordError
from r2u_rec.recsys.tasks.sequences import sequences_of, sequences_of_ranks, together, windows_before

LOG = timed_log()


def items_of(sequences, row):
    return sequences.items[sequences.starts[row] : sequences.starts[row + 1]].tolist()


def test_sequences_are_each_users_items_by_time_and_equal_times_by_record():
    sequences = sequences_of(LOG)
    for user in range(N_USERS):
        assert items_of(sequences, user) == [item for item, _ in story(LOG, user)]
    rows, places = sequences.where(LOG.ids[::-1])
    assert rows.tolist() == LOG.user[::-1].tolist()
    for record, user, place in zip(LOG.ids[::-1], rows, places, strict=True):
        assert story(LOG, user)[place][1] == record


def test_ranks_in_a_matrix_give_the_same_sequences():
    found = sequences_of_ranks(ranked_matrix(LOG))
    assert [items_of(found, u) for u in range(N_USERS)] == [items_of(sequences_of(LOG), u) for u in range(N_USERS)]
    ones = sequences_of_ranks(LOG.matrix())
    assert [items_of(ones, u) for u in range(N_USERS)] == [sorted(items_of(found, u)) for u in range(N_USERS)]


def test_an_item_met_twice_has_the_rank_of_the_first_time():
    rows = np.array([0, 1, 2])
    log = LOG.take(rows)
    twice = type(log)(
        log.ids, np.zeros(3, np.int32), np.array([4, 5, 4], np.int32), np.array([9, 7, 3]), None, log.user_keys, log.item_keys
    )
    assert ranked_matrix(twice)[[0]].toarray()[0, [4, 5]].tolist() == [1, 2]


def test_a_log_without_times_is_refused_with_the_remedy():
    with pytest.raises(DataError, match="the order of 27 records is needed and their log has no times: read it with a time column"):
        sequences_of(timed_log(times=False))


def test_unknown_records_are_refused_and_known():
    sequences = sequences_of(LOG)
    assert sequences.holds(LOG.ids[3:5])
    assert not sequences.holds(np.array([LOG.ids[3], 101]))
    with pytest.raises(UnknownRecordError):
        sequences.where(np.array([101]))


def test_emptied_rows_hold_neither_items_nor_records():
    left = sequences_of(LOG).without([0, 3])
    assert left.lengths.tolist() == [0, 3, 0, 0, 1, 5]
    assert left.ids.tolist() == LOG.drop(LOG.ids_of_users([0, 3])).ids.tolist()
    for user in (1, 4, 5):
        assert items_of(left, user) == items_of(sequences_of(LOG), user)
    rows, places = left.where(LOG.ids_of_users([5]))
    assert sorted(left.at(rows, places)) == sorted(items_of(left, 5))


@pytest.mark.parametrize("length", [2, 4, 6, 64])
def test_each_place_is_predicted_from_what_came_before_it_and_from_enough_of_it(length):
    sequences = sequences_of(LOG)
    rows = np.repeat(np.arange(N_USERS), sequences.lengths + 1)  # the place behind the last one is the next item
    places = np.concatenate([np.arange(n + 1) for n in sequences.lengths])
    shuffled = np.random.default_rng(0).permutation(len(rows))
    windows = windows_before(sequences, rows[shuffled], places[shuffled], length)
    assert windows.inputs.shape[1] <= length
    for at, (row, place) in enumerate(zip(rows[shuffled], places[shuffled], strict=True)):
        whole = [N_ITEMS, *items_of(sequences, row)][: place + 1]
        seen = windows.inputs[windows.window[at], : windows.position[at] + 1].tolist()
        assert seen == whole[len(whole) - len(seen) :]
        assert len(seen) == len(whole) if len(whole) <= length else length / 2 < len(seen) <= length


def test_places_of_one_window_share_it():
    sequences = sequences_of(LOG)
    assert len(windows_before(sequences, np.zeros(11, np.int64), np.arange(11), 64).inputs) == 1
    assert len(windows_before(sequences, np.zeros(11, np.int64), np.arange(11), 4).inputs) == 5


def test_a_pass_meets_each_persons_records_together_and_people_at_random():
    orders = [together(LOG, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert orders[0].tolist() == orders[1].tolist() != orders[2].tolist()
    assert sorted(orders[2]) == LOG.ids.tolist()
    users = LOG.user[LOG.positions(orders[2])]
    assert (np.diff(users) != 0).sum() == 4  # five people with records
