"""Holm's correction."""

from __future__ import annotations

import numpy as np
import pytest

from r2u_rec.holm import holm


def test_holm_multiplies_the_smallest_p_by_the_number_of_comparisons():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([]).size == 0


def test_a_test_that_was_not_made_stays_unknown_and_counts_for_nothing():
    np.testing.assert_allclose(holm([0.01, np.nan, 0.04]), [0.02, np.nan, 0.04])


def test_a_number_that_is_no_probability_is_refused():
    with pytest.raises(ValueError, match=r"p values must lie in \[0, 1\], got -0.1 to 0.5"):
        holm([0.5, -0.1, np.nan])
