"""Federated training, held to clients that train all alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from federated_toys import N_ITEMS, N_USERS, SMALL, TASK, right_taste, two_tastes
from torch.nn.functional import softplus

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import CapabilityError, DivergenceError, SettingsError
from r2u_rec.recsys.federated.negatives import mixed_negatives
from r2u_rec.recsys.federated.rounds import Federated, FederatedTrainer, Updates, clients_of, trained_locally_
from r2u_rec.recsys.tasks.ranking import RankingTask, lightgcn, matrix_factorization


def tables(model) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(table.detach() for table in model.tables())


def test_users_are_recommended_their_own_taste():
    log = two_tastes()
    assert right_taste(FederatedTrainer(SMALL).train(TASK, log, seed=0), log, np.arange(N_USERS)) >= 0.9


def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    first, again, other = (FederatedTrainer(SMALL).train(TASK, two_tastes(), seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(tables(first), tables(again), strict=True))
    assert not torch.equal(tables(first)[1], tables(other)[1])


def all_but_one(n_users: int = 4, n_items: int = 6) -> InteractionLog:
    """Every user has all items but one, so that there is one negative to draw."""
    user, item = np.nonzero(np.arange(n_items) != np.arange(n_users)[:, None])
    keys = [Vocabulary(pd.Index(np.arange(n))) for n in (n_users, n_items)]
    return InteractionLog(np.arange(len(user)), user.astype(np.int32), item.astype(np.int32), None, None, *keys)


def test_clients_that_train_at_once_do_what_each_does_alone():
    log, settings = all_but_one(), Federated(local_epochs=3, lr=0.05, user_lr=0.02, pool_share=0.5)
    users, items = tables(TASK.model(log, seed=0))
    before, clients = users.clone(), np.array([0, 2, 3], dtype=np.int32)
    updates = trained_locally_(TASK, users, items, log.matrix(), clients, settings, 0, seed=0)
    for client in clients.tolist():
        p, q = before[client].clone().requires_grad_(), items.clone().requires_grad_()
        optimizer = torch.optim.Adam([p], lr=0.02)
        mine = [i for i in range(log.n_items) if i != client]
        for _ in range(3):
            losses = [softplus(p @ q[client] - p @ q[i]) for i in mine]
            penalties = [TASK.reg / 2 * (p.square().sum() + q[i].square().sum() + q[client].square().sum()) for i in mine]
            p.grad = q.grad = None
            sum(losses + penalties).backward()
            optimizer.step()
            q.data -= 0.05 * q.grad
        torch.testing.assert_close(users[client], p.detach(), atol=1e-6, rtol=1e-4)
        sent = torch.zeros_like(items)
        sent[updates.item[updates.owner == client].astype(np.int64)] = updates.change[torch.from_numpy(updates.owner == client)]
        torch.testing.assert_close(sent, (q - items).detach(), atol=1e-6, rtol=1e-4)
    assert torch.equal(users[1], before[1])  # who does not take part keeps the vector


def test_a_client_sends_only_rows_of_its_own_items_and_as_many_negatives_as_it_may_draw():
    log = two_tastes()
    users, items = tables(TASK.model(log, seed=0))
    histories = log.matrix()
    updates = trained_locally_(TASK, users, items, histories, np.arange(N_USERS, dtype=np.int32), SMALL, 0, seed=0)
    for client in range(N_USERS):
        sent = set(updates.item[updates.owner == client].tolist())
        own = set(histories.indices[histories.indptr[client] : histories.indptr[client + 1]].tolist())
        assert own <= sent
        assert 1 <= len(sent - own) <= 3  # half as many as records


def test_negatives_are_new_to_the_client_and_near_to_it_or_to_what_it_has():
    rng = np.random.default_rng(0)
    log = two_tastes()
    vectors, items = (torch.from_numpy(rng.normal(size=(n, 3)).astype(np.float32)) for n in (N_USERS, N_ITEMS))
    drawn = np.arange(1, N_USERS + 1) * 20
    found = np.split(mixed_negatives(vectors, items, log.matrix(), drawn, 0.2, rng), np.cumsum(drawn)[:-1])
    for client, negatives in enumerate(found):
        own = log.item[log.user == client]
        free = np.setdiff1d(np.arange(N_ITEMS), own)
        pool = set()
        for point in (vectors[client], items[own.astype(np.int64)].mean(0)):
            distances = (items[free] - point).square().sum(1).numpy()
            pool |= set(free[np.argsort(distances)[:4]].tolist())  # a fifth of 20 items
        assert len(negatives) == drawn[client]
        assert set(negatives.tolist()) <= pool
    assert set(found[-1].tolist()) == pool  # 320 draws from at most 8


def test_a_whole_pool_draws_everything_that_is_new():
    log = two_tastes()
    vectors, items = torch.zeros(N_USERS, 2), torch.zeros(N_ITEMS, 2)
    drawn = np.full(N_USERS, 400)
    found = mixed_negatives(vectors, items, log.matrix(), drawn, 1.0, np.random.default_rng(0)).reshape(N_USERS, 400)
    for client in range(N_USERS):
        assert set(found[client].tolist()) == set(range(N_ITEMS)) - set(log.item[log.user == client].tolist())


@pytest.mark.parametrize(("how", "wanted"), [("sum", 6.0), ("mean", 2.0), ("root", 6 / 3**0.5)])
def test_the_server_adds_sum_mean_or_sum_by_root_of_the_clients(how, wanted):
    owner = np.array([0, 1, 1, 2], dtype=np.int32)
    updates = Updates(owner[[0, 1, 3]], owner, np.array([1, 1, 2, 1], dtype=np.int32), torch.tensor([[1.0], [2.0], [7.0], [3.0]]))
    torch.testing.assert_close(updates.aggregated(4, how), torch.tensor([[0.0], [wanted], [7.0], [0.0]]))


def test_clients_of_a_round_have_records():
    counts = np.array([0, 3, 0, 1, 2, 5])
    found = {tuple(clients_of(counts, Federated(client_share=0.5), np.random.default_rng(seed)).tolist()) for seed in range(30)}
    assert all(len(clients) == 2 and set(clients) <= {1, 3, 4, 5} for clients in found)
    assert len(found) == 6  # every pair
    assert len(clients_of(counts, Federated(client_share=0.01), np.random.default_rng(0))) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rounds": 0}, "rounds must be >= 1, got 0"),
        ({"local_epochs": 0}, "local_epochs must be >= 1, got 0"),
        ({"client_share": 0.0}, r"client_share must lie in \(0, 1\], got 0"),
        ({"pool_share": 1.5}, r"pool_share must lie in \(0, 1\], got 1.5"),
        ({"lr": 0.0}, "lr must be > 0 and finite, got 0"),
        ({"user_lr": np.inf}, "user_lr must be > 0 and finite, got inf"),
        ({"negative_share": -1.0}, "negative_share must be > 0 and finite, got -1"),
        ({"aggregate": "median"}, "aggregate must be one of mean, root, sum, got 'median'"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(SettingsError, match=message):
        Federated(**wrong)


def test_other_models_empty_logs_full_users_and_broken_tables_are_refused():
    log = two_tastes()
    with pytest.raises(CapabilityError, match=r"needs a MatrixFactorization.*builds a LightGCN: train it with a GradientTrainer"):
        FederatedTrainer(SMALL).train(RankingTask(lightgcn(4, 1)), log, seed=0)
    with pytest.raises(SettingsError, match="there are 0 records to train on"):
        FederatedTrainer(SMALL).train(TASK, log.drop(log.ids), seed=0)
    full = all_but_one(n_users=7)  # the last has all six
    with pytest.raises(SettingsError, match="every one of the 6 items, no negative is left: drop this user's records"):
        FederatedTrainer(Federated(rounds=1, client_share=1.0)).train(TASK, full, seed=0)
    broken = RankingTask(_nan)
    with pytest.raises(DivergenceError, match=r"a change of round 0 is not finite .*: lower the learning rates"):
        FederatedTrainer(SMALL).train(broken, log, seed=0)


def _nan(log: InteractionLog, seed: int):
    model = matrix_factorization(4)(log, seed)
    model.item_embedding.weight.data[0] = float("nan")
    return model
