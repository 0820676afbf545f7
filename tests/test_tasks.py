"""Every task of the library keeps the promises of `r2u_rec.testing`."""

from __future__ import annotations

import pytest
from roster import LOG, TASKS  # in the folder `conformance`
from roster_neural import TASKS as NEURAL

from r2u_rec.recsys.tasks.ranking import RankingTask, lightgcn, matrix_factorization
from r2u_rec.testing import TaskCase, task_checks


class InDouble(RankingTask):
    """In float64: derivatives agree to the last digits."""

    def model(self, records, *, seed):
        return super().model(records, seed=seed).double()


def pairs(loss, n_draws, **settings):
    task = InDouble(matrix_factorization(4), loss, n_negatives=n_draws, reg=0.4)
    return TaskCase(task, LOG, n_draws=n_draws, row_atol=1e-7, **settings)


CASES = {
    "MF, BPR, one draw": pairs("bpr", 1, exact_curvature=True),
    "MF, BPR, three draws": pairs("bpr", 3),
    "MF, BCE, one draw": pairs("bce", 1, exact_curvature=True),
    "MF, BCE, three draws": pairs("bce", 3, exact_curvature=True),
    "LightGCN": TaskCase(RankingTask(lightgcn(4, 2)), LOG),
    "NeuMF": TaskCase(NEURAL["NeuMF"], LOG, n_draws=2),
    "SASRec": TaskCase(NEURAL["SASRec"], LOG, row_tables=()),  # its table is read as input as well
    "autoencoder": TaskCase(NEURAL["autoencoder"], LOG, row_tables=("input_rows",), n_draws=2),  # output rows are right on average alone
}
assert set(TASKS) <= {"MF, BPR", "MF, BCE", "LightGCN", "none"}, "a task of the roster has no case here"
EVERY = [pytest.param(name, check, id=f"{name}-{check}") for name, case in CASES.items() for check in task_checks(case)]


@pytest.mark.parametrize(("name", "check"), EVERY)
def test_the_task_keeps_the_promise(name, check):
    check(CASES[name])
