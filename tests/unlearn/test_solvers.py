"""Both solvers equal a dense solve, and raise where they cannot."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r2u_rec.errors import DivergenceError, SettingsError
from r2u_rec.unlearn.curvature.solvers import ConjugateGradient, Neumann

M = 12


def matrix(eigenvalues, seed=0):
    """A symmetric matrix with just these eigenvalues."""
    basis, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(eigenvalues),) * 2))
    return torch.from_numpy(basis @ np.diag(eigenvalues) @ basis.T)


RIGHT = torch.from_numpy(np.random.default_rng(1).normal(size=M))
POSITIVE = matrix(np.linspace(0.5, 20, M))


def product_of(h):
    return lambda v: h @ v


@given(st.lists(st.floats(0.1, 50), min_size=M, max_size=M), st.floats(0, 5), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_conjugate_gradients_equal_the_dense_solve(eigenvalues, damping, seed):
    h = matrix(eigenvalues, seed)
    found = ConjugateGradient(tolerance=1e-10).solve(product_of(h), RIGHT, damping)
    torch.testing.assert_close(found, torch.linalg.solve(h + damping * torch.eye(M), RIGHT), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("solver", [ConjugateGradient(tolerance=0.01), Neumann(tolerance=0.01)], ids=["cg", "neumann"])
def test_the_residual_is_within_the_tolerance_asked_for(solver):
    x = solver.solve(product_of(POSITIVE), RIGHT, 0.3)
    assert (RIGHT - POSITIVE @ x - 0.3 * x).norm() <= 0.01 * RIGHT.norm() * (1 + 1e-9)


@pytest.mark.parametrize("scale", [None, 10.3, 30.0])
def test_the_neumann_series_converges_where_every_eigenvalue_lies_below_twice_the_scale(scale):
    found = Neumann(tolerance=1e-10, scale=scale).solve(product_of(POSITIVE), RIGHT, 0.5)
    torch.testing.assert_close(found, torch.linalg.solve(POSITIVE + 0.5 * torch.eye(M), RIGHT), atol=1e-8, rtol=0)


@pytest.mark.parametrize(("h", "scale"), [(POSITIVE, 9.0), (matrix([-1.0, *range(1, M)]), 20.0)], ids=["above", "negative"])
def test_the_neumann_series_raises_where_one_lies_outside(h, scale):
    with pytest.raises(DivergenceError, match=r"the Neumann series grows .* must lie in \(0, 2 scale\); raise scale if one is larger"):
        Neumann(scale=scale).solve(product_of(h), RIGHT, 0.0)


def test_a_negative_eigenvalue_that_damping_does_not_lift_is_named_and_one_that_it_lifts_is_solved():
    h = matrix([-1.0, *range(1, M)])
    with pytest.raises(DivergenceError, match="conjugate gradients met the curvature -"):
        ConjugateGradient().solve(product_of(h), RIGHT, 0.5)
    found = ConjugateGradient(tolerance=1e-10).solve(product_of(h), RIGHT, 1.5)
    torch.testing.assert_close(found, torch.linalg.solve(h + 1.5 * torch.eye(M), RIGHT), atol=1e-6, rtol=0)


@pytest.mark.parametrize("solver", [ConjugateGradient(steps=3, tolerance=1e-8), Neumann(steps=3, tolerance=1e-8)], ids=["cg", "neumann"])
def test_an_unfinished_solution_is_not_returned(solver):
    with pytest.raises(DivergenceError, match=r"ended after 3 steps with a residual of .*, more than .* \(tolerance 1e-08\): allow more"):
        solver.solve(product_of(POSITIVE), RIGHT, 0.0)


@pytest.mark.parametrize("solver", [ConjugateGradient(), Neumann(scale=1.0), Neumann()], ids=["cg", "neumann", "scale found"])
def test_a_product_that_is_not_finite_raises(solver):
    with pytest.raises(DivergenceError, match="a product with the Hessian is not finite at step 0"):
        solver.solve(lambda v: v * float("nan"), RIGHT, 0.0)


@pytest.mark.parametrize("solver", [ConjugateGradient(), Neumann()], ids=["cg", "neumann"])
def test_the_solution_for_nothing_is_nothing(solver):
    assert solver.solve(product_of(POSITIVE), torch.zeros(M, dtype=torch.float64), 0.0).abs().max() == 0


@pytest.mark.parametrize("kind", [ConjugateGradient, Neumann])
def test_settings_out_of_range_are_refused(kind):
    with pytest.raises(SettingsError, match="steps must be >= 1, got 0"):
        kind(steps=0)
    with pytest.raises(SettingsError, match=r"tolerance must lie in \(0, 1\), got 1.0"):
        kind(tolerance=1.0)
    with pytest.raises(SettingsError, match="scale must be > 0 or None, got 0"):
        Neumann(scale=0.0)
