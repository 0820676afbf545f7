"""Dropout by a mask of uniform numbers, against what it must keep and against the library's attention."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from r2u_rec.recsys.models.dropout import Dropout, causal_attention, dropped


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_the_share_is_dropped_and_the_mean_stays(share):
    torch.manual_seed(0)
    x = torch.full((200, 500), 3.0, dtype=torch.float64)
    out = dropped(x, share)
    assert float((out == 0).double().mean()) == pytest.approx(share, abs=0.005)  # 3 standard errors are .005 at most
    torch.testing.assert_close(out[out != 0], torch.full_like(out[out != 0], 3 / (1 - share)))
    assert float(out.mean()) == pytest.approx(3.0, rel=0.03)


def test_gradients_pass_where_entries_stayed():
    x = torch.randn(40, 30, requires_grad=True)
    out = dropped(x, 0.4)
    out.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, (out != 0) / 0.6)


def test_nothing_is_dropped_outside_training_and_with_share_0():
    x = torch.randn(5, 6)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
    assert not torch.equal(Dropout(0.5)(x), x)


def test_a_share_of_1_is_refused():
    with pytest.raises(ValueError, match=r"dropout must lie in \[0, 1\), got 1"):
        Dropout(1)


def test_attention_is_the_librarys_on_average_and_reads_nothing_later():
    torch.manual_seed(1)
    q, k, v = (torch.randn(2, 1, 7, 4, dtype=torch.float64) for _ in range(3))
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(causal_attention(q, k, v, 0.0), expected)
    drawn = torch.stack([causal_attention(q, k, v, 0.3) for _ in range(4000)])
    error = (drawn.mean(0) - expected).abs() / (drawn.std(0) / 4000**0.5 + 1e-12)
    assert float(error.max()) < 5
    changed = v.clone()
    changed[..., 4:, :] += 100
    torch.manual_seed(2)
    before = causal_attention(q, k, v, 0.3)
    torch.manual_seed(2)
    torch.testing.assert_close(causal_attention(q, k, changed, 0.3)[..., :4, :], before[..., :4, :])
