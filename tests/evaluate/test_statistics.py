"""Statistics over seeds."""

import numpy as np
import pytest

from r2u_rec.evaluate.statistics import compare, holm, summarise


def test_a_summary_states_n_mean_and_spread():
    summary = summarise([0.31, 0.33, 0.32])
    assert str(summary) == "0.3200 +- 0.0100 (n = 3)"
    assert (summary.median, summary.lowest, summary.highest) == (0.32, 0.31, 0.33)
    assert str(summarise([0.5])) == "0.5000 (n = 1)"


def test_the_bootstrap_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = [s.low <= 1.0 <= s.high for s in (summarise(rng.normal(1.0, size=60), n_resamples=300, seed=i) for i in range(150))]
    assert 0.88 <= np.mean(covered) <= 0.99
    assert summarise([2.0, 2.0]).low == summarise([2.0, 2.0]).high == 2.0


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).normal(size=30)
    assert summarise(values, seed=4) == summarise(values, seed=4)
    assert summarise(values, seed=4).low != summarise(values, seed=5).low


def test_a_paired_test_uses_the_pairing():
    base = np.array([0.1, 0.5, 0.9, 0.3, 0.7])
    shifted = base + np.array([0.011, 0.009, 0.010, 0.012, 0.008])
    found = compare(shifted, base)
    assert found.difference == pytest.approx(0.01)
    assert found.p_value < 0.001
    assert str(found).startswith("+0.0100 +- 0.0016 (n = 5, paired t, p = ")
    assert compare(shifted, base, "wilcoxon").p_value == pytest.approx(2 / 2**5)
    assert compare(base, base).p_value == compare(base, base, "wilcoxon").p_value == 1.0


def test_holm_multiplies_the_smallest_p_by_the_number_of_comparisons():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([]).size == 0


def test_numbers_that_cannot_be_summarised_are_refused():
    with pytest.raises(ValueError, match="no value to summarise"):
        summarise([])
    with pytest.raises(ValueError, match="1 of 2 values are not finite"):
        summarise([1.0, np.nan])
    with pytest.raises(ValueError, match=r"confidence must lie in \(0, 1\), got 95"):
        summarise([1.0, 2.0], confidence=95)
    with pytest.raises(ValueError, match="equally many values, got 2 and 3"):
        compare([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="at least 2 pairs, got 1"):
        compare([1], [2])
    with pytest.raises(ValueError, match="""test must be "t" or "wilcoxon", got 'z'"""):
        compare([1, 2], [1, 3], "z")
    with pytest.raises(ValueError, match=r"p values must lie in \[0, 1\], got 0.5 to 1.5"):
        holm([0.5, 1.5])
