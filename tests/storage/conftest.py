"""A small fitted model, and the method that forgets from it."""

from __future__ import annotations

import pytest

from r2u_rec.core.protocols import Fitted
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.testing.checkerboard import checkerboard
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.post_hoc import PostHoc

TASK = RankingTask(matrix_factorization(4), "bpr", reg=0.05)


@pytest.fixture(scope="session")
def task() -> RankingTask:
    return TASK


@pytest.fixture(scope="session")
def method() -> PostHoc:
    return PostHoc(GradientTrainer(Training(epochs=2, batch_size=72, lr=0.05), progress=False), BlockNewton())


@pytest.fixture(scope="session")
def fitted(method) -> Fitted:
    return method.fit(TASK, checkerboard(), seed=0)
