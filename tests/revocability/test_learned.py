"""The learned scorer against withdrawals of a known hazard."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability.learned.erasures import DAY_SECONDS, Erasures, simulated_erasures
from r2u_rec.revocability.learned.file import load_learned, save_learned
from r2u_rec.revocability.learned.labels import cutoffs, rows_at
from r2u_rec.revocability.learned.scorer import LearnedSettings, learn
from r2u_rec.revocability.learned.validation import Estimate, Validation, calibration_table, validate, wilson
from r2u_rec.revocability.learned.withdrawal_model import fit_calibration

N_USERS, DAYS, HORIZON = 3000, 300, 30
END = DAYS * DAY_SECONDS
QUICK = LearnedSettings(n_bootstrap=12)


def simple(log: InteractionLog, now: int) -> pd.DataFrame:
    """Two features that can see nothing but the log they are given, and one that is noise."""
    has = log.user_counts > 0
    last = np.zeros(log.n_users)
    np.maximum.at(last, log.user, log.time)
    noise = np.random.default_rng(now).normal(size=log.n_users)
    frame = pd.DataFrame({"n_records": log.user_counts, "away": now - last, "noise": noise}).astype("float64")
    return frame.where(pd.Series(has), np.nan)


def chances(made, log, now, *, erasures=None, features=simple) -> pd.DataFrame:
    return made.probabilities(rows_at(log, erasures, now, features=features))


class ExperimentSplit:
    """Users who differ in activity and withdraw the more often the more active they are; `slope` 0: all alike."""

    def __init__(self, slope: float, seed: int = 0, per_day: float = 0.0007) -> None:
        rng = np.random.default_rng(seed)
        counts = rng.integers(4, 24, N_USERS)
        user = rng.permutation(np.repeat(np.arange(N_USERS), counts))
        time = np.sort(rng.integers(0, END, len(user)))
        keys = Vocabulary.of([f"u{u}" for u in range(N_USERS)]), Vocabulary.of(list(range(50)))
        item = rng.integers(0, 50, len(user))
        self.log = InteractionLog(np.arange(len(user)), user.astype(np.int32), item.astype(np.int32), time, None, *keys)
        self.per_day = per_day * np.exp(slope * (counts - counts.mean()) / counts.std())
        self.truth = 1 - np.exp(-self.per_day * HORIZON)
        self.erasures = simulated_erasures(self.log, self.per_day, start=0, end=END, rng=rng)


@pytest.fixture(scope="module")
def world():
    return ExperimentSplit(slope=1.0)


@pytest.fixture(scope="module")
def learned(world):
    return learn(world.log, world.erasures, features=simple, settings=replace(QUICK, n_bootstrap=40), until=END)


@pytest.fixture(scope="module")
def quick(world):
    return learn(world.log, world.erasures, features=simple, settings=QUICK, until=END)


def test_the_true_order_is_recovered_and_the_features_that_made_it_weigh_most(world, learned):
    found = chances(learned, world.log, learned.cutoffs.validation, erasures=world.erasures)["probability"]
    there = found.notna().to_numpy()
    assert N_USERS / 2 < there.sum() < N_USERS
    assert spearmanr(found[there], world.truth[there]).statistic > 0.9
    assert learned.validation.ranks
    weights = learned.weights()
    assert weights["feature"][0] == "n_records"
    assert weights["low"][0] > 0
    assert weights["weight"].abs().iloc[1] < weights["weight"][0] / 4


@pytest.mark.parametrize(("calibration", "least"), [("sigmoid", 0.8), ("isotonic", 0.6)])  # steps fit few withdrawals roughly
def test_probabilities_are_calibrated_within_the_intervals(world, learned, calibration, least):
    made = learn(world.log, world.erasures, features=simple, settings=replace(QUICK, calibration=calibration), until=END)
    table = made.validation.table
    inside = (table["low"] <= table["predicted"]) & (table["predicted"] <= table["high"])
    assert inside.mean() >= least
    found = chances(made, world.log, made.cutoffs.validation, erasures=world.erasures)
    there = found["probability"].notna().to_numpy()
    assert found["probability"].mean() == pytest.approx(world.truth[there].mean(), rel=0.3)


def test_the_interval_of_a_user_mostly_holds_the_truth(world, learned):
    found = chances(learned, world.log, learned.cutoffs.validation, erasures=world.erasures)
    there = found["probability"].notna().to_numpy()
    inside = (found["low"] <= world.truth) & (world.truth <= found["high"])
    assert inside[there].mean() > 0.75
    assert ((found["low"] <= found["probability"]) & (found["probability"] <= found["high"]))[there].mean() > 0.95


def test_withdrawals_that_fall_on_everyone_alike_show_no_skill_and_are_no_error():
    even = ExperimentSplit(slope=0.0, seed=3, per_day=0.001)
    found = learn(even.log, even.erasures, features=simple, settings=QUICK, until=END).validation
    assert not found.ranks
    assert "NO SKILL: the order of the users is not better than chance" in found.words()
    assert found.auc.low <= 0.5 <= found.auc.high


def test_what_happens_after_the_validation_cutoff_changes_no_number_of_the_scorer(world, quick):
    rng = np.random.default_rng(5)
    late = world.log.time > quick.cutoffs.validation
    log = replace(
        world.log,
        user=np.where(late, rng.integers(0, N_USERS, len(late)), world.log.user).astype(np.int32),
        item=np.where(late, 3, world.log.item).astype(np.int32),
    )
    again = learn(log, world.erasures, features=simple, settings=quick.settings, until=END)
    assert_array_equal(again.fit.classifier.coefficients, quick.fit.classifier.coefficients)
    assert again.validation.words() == quick.validation.words()
    pd.testing.assert_frame_equal(again.validation.table, quick.validation.table)


def test_requests_after_the_calibration_window_change_the_validation_only(world, quick):
    asked = world.erasures
    early = asked.time <= quick.cutoffs.validation
    shuffled = Erasures(asked.keys, np.where(early, asked.time, END - 1))
    again = learn(world.log, shuffled, features=simple, settings=quick.settings, until=END)
    assert_array_equal(again.fit.classifier.coefficients, quick.fit.classifier.coefficients)
    assert_array_equal(again.fit.calibration.x, quick.fit.calibration.x)


def test_features_are_asked_of_the_past_only(world):
    seen = []

    def watched(log, now):
        seen.append((now, int(log.time.max()), log.user_info, set(np.flatnonzero(log.user_counts > 0))))
        return simple(log, now)

    made = learn(world.log, world.erasures, features=watched, settings=QUICK, until=END)
    gone = world.erasures.time_of_users(world.log)
    assert [now for now, *_ in seen] == [*made.cutoffs.training, made.cutoffs.calibration, made.cutoffs.validation]
    for now, latest, info, users in seen:
        assert latest <= now
        assert info is None
        assert not users & set(np.flatnonzero(gone <= now))


def test_the_same_seed_gives_the_same_scorer(world, quick):
    again = learn(world.log, world.erasures, features=simple, settings=quick.settings, until=END)
    assert again.validation.words() == quick.validation.words()
    assert_array_equal(again.refits[-1].classifier.coefficients, quick.refits[-1].classifier.coefficients)


def test_too_few_withdrawals_are_refused_with_their_numbers_and_what_would_help(world):
    few = Erasures(world.erasures.keys[::12].append(pd.Index(["stranger"])), np.append(world.erasures.time[::12], END))
    with pytest.raises(
        DataError, match=r"training: \d+ of \d+ rows withdrew, at least 50 are needed.*validation: \d+ of .*at least 20"
    ) as caught:
        learn(world.log, few, features=simple, settings=QUICK, until=END)
    assert f"Of {len(few)} past erasures, 1 are of users without records in the log" in str(caught.value)
    assert "a longer horizon_days (now 30)" in str(caught.value)


def test_when_everybody_withdraws_there_is_nothing_to_compare(world):
    at = np.full(N_USERS, END - 5 * DAY_SECONDS)
    everyone = Erasures(world.log.user_keys.keys, at)
    lax = replace(QUICK, min_training_events=1, min_validation_events=1)
    with pytest.raises(DataError, match=r"validation: (\d+) of \1 rows withdrew"):
        learn(world.log, everyone, features=simple, settings=lax, until=END)


def test_boosting_learns_too_and_is_not_saved(world, tmp_path):
    made = learn(world.log, world.erasures, features=simple, settings=replace(QUICK, model="boosting", n_bootstrap=2), until=END)
    assert made.validation.ranks
    assert made.weights().empty
    with pytest.raises(SettingsError, match=r"gradient boosting is not saved.*Learn again from the same log, erasures and seed"):
        save_learned(made, tmp_path / "scorer.json")


def test_standardised_values_serve_as_well_as_ranks(world):
    assert learn(world.log, world.erasures, features=simple, settings=replace(QUICK, scale="standardised"), until=END).validation.ranks


def test_a_saved_scorer_gives_the_same_probabilities_to_the_last_bit(world, learned, tmp_path):
    save_learned(learned, tmp_path / "scorer.json")
    again = load_learned(tmp_path / "scorer.json")
    now = learned.cutoffs.validation
    first, second = (chances(each, world.log, now) for each in (learned, again))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert again.validation.words() == learned.validation.words()
    assert again.cutoffs == learned.cutoffs
    assert again.settings == learned.settings
    assert not any(key in (tmp_path / "scorer.json").read_text() for key in ('"u1"', "u100"))


def test_a_file_of_another_kind_is_refused(learned, tmp_path):
    for text in ("{}", "[1]", "no json", json.dumps({"format": "r2u_rec learned scorer 0"})):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(DataError, match=r"other\.json is no learned scorer that this version can read"):
            load_learned(tmp_path / "other.json")


def test_data_without_a_learned_feature_is_refused(world, learned):
    with pytest.raises(DataError, match="the features lack away, which the scorer has learned from; there are n_records, noise"):
        chances(learned, world.log, END, features=lambda log, now: simple(log, now).drop(columns="away"))


@pytest.mark.parametrize(("name", "value"), [("model", "forest"), ("scale", "log"), ("calibration", "beta")])
def test_unknown_kinds_are_refused(name, value):
    with pytest.raises(SettingsError, match=f"{name} must be .* or .*, got '{value}'"):
        LearnedSettings(**{name: value})


def test_counts_out_of_range_are_refused():
    with pytest.raises(SettingsError, match="n_bootstrap must be >= 2, got 1"):
        LearnedSettings(n_bootstrap=1)


def test_features_without_a_common_column_are_refused(world):
    with pytest.raises(DataError, match="no column in common"):
        learn(world.log, world.erasures, features=lambda log, now: simple(log, now)[[]], settings=QUICK, until=END)


def test_wilson_agrees_with_its_formula():
    k, n, z = 7, 50, 1.959963984540054
    middle = (k / n + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(k / n * (1 - k / n) / n + z * z / (4 * n * n))
    found = wilson(k, n)
    assert_allclose([found.value, found.low, found.high], [k / n, middle - half, middle + half])
    assert_array_equal([wilson(0, 0).low, wilson(0, 0).high], [0, 1])


def test_bins_hold_every_user_once_and_keep_equal_probabilities_together():
    p = np.repeat([0.1, 0.2, 0.9], [70, 20, 10])
    withdrew = np.arange(100) % 10 == 0
    table = calibration_table(p, withdrew)
    assert table["n"].tolist() == [70, 20, 10]
    assert_allclose(table["predicted"], [0.1, 0.2, 0.9])
    assert table["n_events"].sum() == withdrew.sum()


def test_a_constant_probability_has_no_skill_and_a_perfect_one_all():
    withdrew = np.arange(200) < 50
    rng = np.random.default_rng(0)
    constant, perfect = (validate(p, withdrew, n_bootstrap=30, rng=rng) for p in (np.full(200, 0.25), withdrew.astype(float)))
    assert (constant.auc.value, constant.brier_skill.value) == (0.5, 0)
    assert (perfect.auc.value, perfect.brier.value, perfect.brier_skill.value) == (1, 0, 1)
    assert perfect.skilful


def test_skill_is_claimed_only_when_the_whole_interval_says_so():
    table = pd.DataFrame()
    unsure = Validation(100, 9, Estimate(0.6, 0.45, 0.7), Estimate(0.1, 0.1, 0.1), Estimate(0.1, -0.1, 0.2), table)
    orders = replace(unsure, auc=Estimate(0.6, 0.55, 0.7))
    good = replace(orders, brier_skill=Estimate(0.1, 0.05, 0.2))
    assert [(each.ranks, each.skilful) for each in (unsure, orders, good)] == [(False, False), (True, False), (True, True)]
    assert "NO SKILL" in unsure.words()
    assert "the probabilities are not shown to beat the base rate" in orders.words()
    assert good.words().startswith("9 of 100 users (9.0%) withdrew; AUC 0.600 [0.550, 0.700], Brier score 0.1000, skill")
    assert good.words().endswith("against the base rate 0.100 [0.050, 0.200].")


def test_a_sigmoid_that_would_fall_is_level_at_the_base_rate():
    odds = np.linspace(-2, 2, 100)
    falling = fit_calibration(odds, odds < -1, kind="sigmoid")
    assert_allclose(falling.probability(odds), (odds < -1).mean())
    rising = fit_calibration(odds, odds > 1, kind="sigmoid").probability(odds)
    assert (np.diff(rising) > 0).all()


def test_a_draw_without_a_single_withdrawal_is_passed_over(world):
    when = cutoffs(0, END, horizon_days=HORIZON)
    asked = world.erasures.time
    early = (asked <= when.calibration) | (asked > when.validation)
    early[np.flatnonzero(~early)[0]] = True  # one withdrawal is left to calibrate by
    few = Erasures(world.erasures.keys[early], asked[early])
    made = learn(world.log, few, features=simple, settings=replace(QUICK, min_validation_events=1), until=END)
    assert 0 < len(made.refits) < QUICK.n_bootstrap
