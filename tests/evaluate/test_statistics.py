"""Statistics over seeds."""

import numpy as np
import pytest

from r2u_rec.evaluate.statistics import paired_test


def test_a_paired_test_uses_the_pairing():
    base = np.array([0.1, 0.5, 0.9, 0.3, 0.7])
    shifted = base + np.array([0.011, 0.009, 0.010, 0.012, 0.008])
    found = paired_test(shifted, base)
    assert found.difference == pytest.approx(0.01)
    assert found.p_value < 0.001
    assert str(found).startswith("+0.0100 +- 0.0016 (n = 5, paired t, p = ")
    assert paired_test(shifted, base, "wilcoxon").p_value == pytest.approx(2 / 2**5)
    assert paired_test(base, base).p_value == paired_test(base, base, "wilcoxon").p_value == 1.0


def test_numbers_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="no value to compare"):
        paired_test([], [])
    with pytest.raises(ValueError, match="1 of 2 values are not finite"):
        paired_test([1.0, np.nan], [1.0, 2.0])
    with pytest.raises(ValueError, match="equally many values, got 2 and 3"):
        paired_test([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="at least 2 pairs, got 1"):
        paired_test([1], [2])
    with pytest.raises(ValueError, match="""test must be "t" or "wilcoxon", got 'z'"""):
        paired_test([1, 2], [1, 3], "z")
