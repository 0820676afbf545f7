"""Scores and penalties in one function: equal to the plain formula, in values and in first and second derivatives."""

import pytest
import torch

from r2u_rec.recsys.models.interaction import interaction


def plain(p, q):
    norms = q.square().sum(-1)
    return (p.unsqueeze(1) * q).sum(-1), p.square().sum(1) + norms[:, 0] + norms[:, 1:].mean(1)


@pytest.fixture(params=[1, 3])
def vectors(request):
    generator = torch.Generator().manual_seed(request.param)
    shapes = (5, 4), (5, 1 + request.param, 4)
    return [torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_() for shape in shapes]


def test_scores_and_norms_equal_the_plain_formula(vectors):
    for mine, oracle in zip(interaction(*vectors), plain(*vectors), strict=True):
        torch.testing.assert_close(mine, oracle, rtol=1e-12, atol=1e-12)


def test_gradients_equal_those_of_the_plain_formula(vectors):
    def gradients(function):
        scores, norms = function(*vectors)
        return torch.autograd.grad(scores.sin().sum() + norms.cos().sum(), vectors)

    for mine, oracle in zip(gradients(interaction), gradients(plain), strict=True):
        torch.testing.assert_close(mine, oracle, rtol=1e-12, atol=1e-12)


def test_second_derivatives_are_right(vectors):
    assert torch.autograd.gradgradcheck(interaction, vectors)
