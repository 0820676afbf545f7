"""Partitions: dealt by a number of the record's own, and what they answer is checked."""

from __future__ import annotations

import numpy as np
import pytest
from unlearn_toys import measurements

from r2u_rec.errors import SettingsError
from r2u_rec.unlearn.partition import ByRecord, dealt, hashed

NUMBERS = np.arange(40_000, dtype=np.int64) * 3 - 1000


def deal(partition, n_parts=3, records=None, seed=0):
    return dealt(partition, measurements(30) if records is None else records, n_parts, seed=seed, stream_of=("shards",))


def test_the_part_of_a_number_depends_on_it_and_the_key_alone():
    whole = hashed(NUMBERS, 7, np.random.default_rng(0))
    assert hashed(NUMBERS[5::11], 7, np.random.default_rng(0)).tolist() == whole[5::11].tolist()
    assert hashed(NUMBERS[:8], 7, np.random.default_rng(0)).tolist() == [3, 1, 1, 0, 0, 6, 5, 6]  # for ever
    assert (hashed(NUMBERS, 7, np.random.default_rng(1)) == whole).mean() == pytest.approx(1 / 7, abs=0.02)


@pytest.mark.parametrize("n_parts", [2, 7, 16])
def test_parts_are_even_up_to_chance_and_those_of_two_keys_independent(n_parts):
    first, second = (hashed(NUMBERS, n_parts, np.random.default_rng(seed)) for seed in (0, 1))
    pairs = np.bincount(first * n_parts + second, minlength=n_parts**2)
    expected = len(NUMBERS) / n_parts**2
    assert ((pairs - expected) ** 2 / expected).sum() == pytest.approx(n_parts**2 - 1, abs=4 * np.sqrt(2 * n_parts**2))  # chi squared


def test_records_are_dealt_by_their_own_number_and_one_part_asks_nobody():
    records = measurements(30)
    parts = deal(ByRecord())
    assert set(parts.tolist()) == {0, 1, 2}
    assert deal(ByRecord(), records=records.keep(records.ids[7:19])).tolist() == parts[7:19].tolist()
    assert deal(ByRecord(), seed=1).tolist() != parts.tolist()
    assert deal(None, n_parts=1).tolist() == [0] * 30


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.zeros(29, dtype=int), r"returned int64 of shape \(29,\) for 30 records: it must give one integer a record"),
        (np.zeros(30), r"returned float64 of shape \(30,\)"),
        (np.arange(30) - 1, r"named parts -1..28, there are 3: parts count from 0"),
        (np.arange(30) % 4, r"named parts 0..3, there are 3"),
    ],
)
def test_what_is_no_partition_is_refused(answer, message):
    with pytest.raises(SettingsError, match=message):
        deal(lambda records, n_parts, rng: answer)
