"""Past erasures and what could be known at a cut-off."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability.learned.erasures import NEVER, Erasures, read_erasures, simulated_erasures
from r2u_rec.revocability.learned.labels import cutoffs, known_at, rows_at

DAY = 86_400


def erasures(**times: int) -> Erasures:
    """`erasures(user1=5)`: user1 asks at time 5."""
    return Erasures(pd.Index(list(times)), np.array(list(times.values()), dtype=np.int64))


def counts(log, now) -> pd.DataFrame:
    return pd.DataFrame({"n": log.user_counts, "latest": log.time.max(), "now": now})


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_table_gives_each_users_first_request_in_order_of_time(tmp_path, ending):
    frame = pd.DataFrame({"user_key": ["b", "a", "b", "007"], "time": [30, 20, 10, 40]})
    path = tmp_path / f"past{ending}"
    frame.to_csv(path, index=False) if ending == ".csv" else frame.to_parquet(path)
    read = read_erasures(path)
    assert read.keys.tolist() == ["b", "a", "007"]
    assert read.time.tolist() == [10, 20, 40]


def test_times_may_be_seconds_iso_text_or_dates():
    seconds = 1_600_000_000
    text = pd.Timestamp(seconds, unit="s").isoformat()
    for values in ([seconds], [str(seconds)], [text], [text + "+00:00"], pd.to_datetime([text]), [float(seconds) + 0.9]):
        assert read_erasures(pd.DataFrame({"user": [1], "received": values})).time.tolist() == [seconds]


def test_faults_of_the_table_name_the_rows():
    frame = pd.DataFrame({"user": ["a", "", "b", "c"], "time": ["5", "6", "soon", str(10**13)]})
    with pytest.raises(DataError, match=r"(?s)3 of 4 rows.*row 1: user is missing.*row 2: time 'soon'.*row 3: time '1"):
        read_erasures(frame)
    with pytest.raises(DataError, match="has no column time, received or date; its columns are 'user', 'when': rename one"):
        read_erasures(frame.set_axis(["user", "when"], axis=1))
    with pytest.raises(DataError, match="the table of erasures has no rows: give at least one past request"):
        read_erasures(frame.iloc[:0])
    with pytest.raises(DataError, match=r"past\.txt must end in \.csv, \.tsv or \.parquet"):
        read_erasures("past.txt")


def test_users_the_log_does_not_know_are_passed_over(build):
    log = build([0, 1], [1, 2], [5, 6])
    assert_array_equal(erasures(user1=9, stranger=3).time_of_users(log), [NEVER, 9])


def test_simulated_requests_come_at_the_rate_asked_for(build):
    n = 4000
    log = build(list(range(n)), [0] * n, [0] * n)
    rate = np.repeat([0.0, 0.01, 0.03], [1000, 1500, 1500])
    drawn = simulated_erasures(log, rate, start=0, end=30 * DAY, rng=np.random.default_rng(1)).time_of_users(log)
    left = [(drawn[part] < NEVER).mean() for part in (slice(0, 1000), slice(1000, 2500), slice(2500, n))]
    assert left[0] == 0
    assert_allclose(left[1:], 1 - np.exp([-0.3, -0.9]), atol=0.04)


def test_simulated_requests_lie_in_their_window_and_after_the_users_first_record(build):
    log = build([0, 1, 2], [1, 2, 3], [0, 5 * DAY, 50 * DAY])
    drawn = simulated_erasures(log, [5.0, 5.0, 5.0], start=2 * DAY, end=40 * DAY, rng=np.random.default_rng(0))
    time = drawn.time_of_users(log)
    assert 2 * DAY <= time[0] < 40 * DAY
    assert 5 * DAY <= time[1] < 40 * DAY
    assert time[2] == NEVER
    with pytest.raises(ValueError, match=r"finite rate >= 0 for each of 3 users, got shape \(1,\)"):
        simulated_erasures(log, [1.0], start=0, end=1, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="end must be after start, got 5 to 5"):
        simulated_erasures(log, [1.0] * 3, start=5, end=5, rng=np.random.default_rng(0))


def test_no_label_window_reaches_into_the_next_role():
    when = cutoffs(0, 100 * DAY, horizon_days=10, n_training=3)
    assert (when.training, when.calibration, when.validation) == ((50 * DAY, 60 * DAY, 70 * DAY), 80 * DAY, 90 * DAY)
    ends = [t + 10 * DAY for t in (*when.training, when.calibration, when.validation)]
    assert all(end <= begin for end, begin in zip(ends, (*when.training[1:], when.calibration, when.validation), strict=False))
    assert ends[-1] == 100 * DAY
    assert cutoffs(65 * DAY, 100 * DAY, horizon_days=10).training == (70 * DAY,)


def test_a_past_that_is_too_short_is_refused_with_its_length():
    with pytest.raises(DataError, match=r"25\.0 days lie between.*three horizons of 10 days after it: lower horizon_days"):
        cutoffs(0, 25 * DAY, horizon_days=10)
    with pytest.raises(SettingsError, match="horizon_days must be > 0, got -1"):
        cutoffs(0, DAY, horizon_days=-1)
    with pytest.raises(SettingsError, match="n_training must be >= 1, got 0"):
        cutoffs(0, DAY, horizon_days=1, n_training=0)


def test_at_a_cutoff_only_earlier_records_of_users_still_there_are_known(build):
    log = build([0, 0, 1, 1, 2], [1, 2, 3, 4, 5], [1, 9, 2, 3, 20], user_info=pd.DataFrame({"age": [1, 2, 3]}))
    known = known_at(log, erasures(user1=4), cutoff=10)
    assert_array_equal(known.ids, [0, 1])
    assert known.user_info is None
    assert_array_equal(known_at(log, erasures(user1=11), cutoff=10).ids, [0, 1, 2, 3])
    assert_array_equal(known_at(log, None, cutoff=1).ids, [0])


def test_a_label_is_a_request_after_the_cutoff_and_within_the_horizon(build):
    log = build([0, 1, 2, 3, 4], [1] * 5, [0, 0, 0, 0, 5 * DAY])
    asked = erasures(user0=2 * DAY, user1=2 * DAY + 1, user2=3 * DAY, user3=3 * DAY + 1)
    rows = rows_at(log, asked, 2 * DAY, horizon_days=1, features=counts)
    assert rows.users.tolist() == [1, 2, 3]  # user0 is gone, user4 has not come yet
    assert rows.withdrew.tolist() == [True, True, False]
    assert rows.features["now"].unique().tolist() == [2 * DAY]
    assert rows.features.index.tolist() == [1, 2, 3]


def test_records_after_the_cutoff_change_nothing(build):
    rng = np.random.default_rng(0)
    n = 400
    users, items, times = rng.integers(0, 30, n), rng.integers(0, 200, n), np.sort(rng.integers(0, 100 * DAY, n))
    asked = erasures(**{f"user{u}": int(rng.integers(0, 100 * DAY)) for u in range(0, 30, 2)})
    log = build(users.tolist(), items.tolist(), times.tolist(), n_users=30)
    cutoff = 50 * DAY
    late = times > cutoff
    other = build(
        np.where(late, rng.integers(0, 30, n), users).tolist(),
        np.where(late, 7, items).tolist(),
        np.where(late, 99 * DAY, times).tolist(),
        n_users=30,
    )
    first, second = (rows_at(each, asked, cutoff, horizon_days=20, features=counts) for each in (log, other))
    assert_array_equal(first.users, second.users)
    assert_array_equal(first.withdrew, second.withdrew)
    pd.testing.assert_frame_equal(first.features, second.features)


def test_a_cutoff_before_the_first_record_is_refused(build):
    with pytest.raises(DataError, match="no user has a record at or before 1970-01-01 00:00:01 UTC: choose a later cut-off"):
        rows_at(build([0], [1], [5]), erasures(user0=9), 1, horizon_days=1, features=counts)
