"""RowwiseAdam against torch's own optimisers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r2u_rec.core.rowwise import RowwiseAdam, touched_rows


def sparse(rows, n_rows, seed):
    values = torch.randn(len(rows), 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return torch.sparse_coo_tensor(torch.tensor([rows], dtype=torch.int64).reshape(1, -1), values, (n_rows, 3), check_invariants=True)


def table(n_rows=50):
    return torch.randn(n_rows, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(9)).requires_grad_()


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.integers(0, 29), min_size=0, max_size=40), large=st.booleans())
def test_touched_rows_is_coalesce_for_marked_and_for_sorted_tables(rows, large):
    n_rows = 30 if not large else 30 * 100  # many gradients a row are marked, few are sorted
    grad = sparse(rows, n_rows, seed=0)
    found_rows, found = touched_rows(grad)
    wanted = grad.coalesce()
    assert torch.equal(found_rows, wanted.indices()[0])
    torch.testing.assert_close(found, wanted.values(), atol=1e-14, rtol=0)


def test_dense_steps_equal_torch_adam():
    mine, theirs = table(), table()
    a, b = RowwiseAdam([mine], lr=0.05, betas=(0.8, 0.95), eps=1e-6), torch.optim.Adam([theirs], lr=0.05, betas=(0.8, 0.95), eps=1e-6)
    for seed in range(30):
        gradient = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        mine.grad, theirs.grad = gradient, gradient.clone()
        a.step()
        b.step()
    torch.testing.assert_close(mine, theirs, atol=1e-13, rtol=0)


@pytest.mark.parametrize("n_rows", [50, 5000])
def test_sparse_steps_equal_torch_sparse_adam(n_rows):
    mine, theirs = table(n_rows), table(n_rows)
    # an eps too small to matter: torch's SparseAdam adds it before the bias correction, Adam (and we) after it
    a, b = RowwiseAdam([mine], lr=0.05, eps=1e-20), torch.optim.SparseAdam([theirs], lr=0.05, eps=1e-20)
    for seed in range(30):
        rows = torch.randint(0, 50, (20,), generator=torch.Generator().manual_seed(seed)).tolist()  # with repeats
        mine.grad, theirs.grad = sparse(rows, n_rows, seed), sparse(rows, n_rows, seed)
        a.step()
        b.step()
    torch.testing.assert_close(mine, theirs, atol=1e-13, rtol=0)


def test_a_step_touches_the_rows_of_its_gradient_and_no_others_moments_included():
    p = table()
    optimizer = RowwiseAdam([p])
    p.grad = sparse(list(range(50)), 50, 0)
    optimizer.step()
    before = [t.detach().clone() for t in (p, optimizer.state[p]["exp_avg"], optimizer.state[p]["exp_avg_sq"])]
    p.grad = sparse([7, 3, 7], 50, 1)
    optimizer.step()
    for old, new in zip(before, (p, optimizer.state[p]["exp_avg"], optimizer.state[p]["exp_avg_sq"]), strict=True):
        assert (old != new).any(1).nonzero().flatten().tolist() == [3, 7]


def test_a_parameter_without_gradient_stays_and_a_closure_is_called():
    p, q = table(), table()
    optimizer = RowwiseAdam([p, q])
    p.grad = sparse([1], 50, 0)
    assert optimizer.step(lambda: 0.5) == 0.5
    assert torch.equal(q, table())
    assert not torch.equal(p, table())


@pytest.mark.parametrize(
    ("arguments", "message"), [({"lr": 0.0}, "lr must be > 0, got 0.0"), ({"betas": (0.9, 1.0)}, r"betas must lie in \[0, 1\)")]
)
def test_settings_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RowwiseAdam([table()], **arguments)
