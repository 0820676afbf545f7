"""Partitions by vectors: units stay whole, capacities hold, every record is dealt once, nothing else is kept."""

from __future__ import annotations

import numpy as np
import pytest
from partition_toys import N_ITEMS, N_USERS, TRAINER, Known, Noted, log_of, small_log
from torch import nn

from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.recsys.sharded.factor_partition import ByFactors, slack_capacity
from r2u_rec.recsys.sharded.label_propagation import ByLabelPropagation
from r2u_rec.recsys.sharded.transport import TransportClusters, equal_capacity
from r2u_rec.recsys.tasks.ranking import matrix_factorization
from r2u_rec.unlearn.partition import dealt, depends_on_data

LOG = small_log()
TASK = Noted(matrix_factorization(4))


@pytest.mark.parametrize("clusters", [None, TransportClusters(0.1, iterations=4)], ids=["greedy", "transport"])
@pytest.mark.parametrize(("unit", "n"), [("user", N_USERS - 1), ("item", N_ITEMS - 1), ("interaction", len(LOG))])
def test_every_record_is_dealt_once_units_stay_whole_and_no_shard_outgrows_its_capacity(unit, n, clusters):
    partition = ByFactors(TRAINER, TASK, unit) if clusters is None else ByFactors(TRAINER, TASK, unit, equal_capacity, clusters)
    parts = dealt(partition, LOG, 3, seed=0, stream_of=("shards",))
    assert parts.shape == (len(LOG),)
    units = {"user": LOG.user, "item": LOG.item, "interaction": LOG.ids}[unit]
    whole = {(int(u), int(p)) for u, p in zip(units, parts, strict=True)}
    assert len(whole) == n
    sizes = np.bincount([p for _, p in whole], minlength=3)
    assert sizes.max() <= partition.capacity(n, 3) < n
    assert sizes.min() > 0
    assert depends_on_data(partition)
    again = dealt(partition, LOG, 3, seed=0, stream_of=("shards",))
    assert again.tolist() == parts.tolist()


def test_users_with_like_vectors_share_a_shard():
    kind = np.arange(N_USERS) % 2
    users = np.eye(2)[kind] + 0.01 * np.random.default_rng(0).normal(size=(N_USERS, 2))
    parts = ByFactors(Known(users, np.zeros((N_ITEMS, 2))), None)(LOG, 2, np.random.default_rng(0))
    assert all(len(np.unique(parts[kind[LOG.user] == k])) == 1 for k in (0, 1))


def test_items_and_interactions_with_like_vectors_share_a_shard():
    kind_u, kind_i = np.arange(12) % 3, np.arange(9) % 3
    user, item = np.nonzero(kind_u[:, None] == kind_i)
    log = log_of(user, item, 12, 9)
    known = Known(3 * np.eye(3)[kind_u], 3 * np.eye(3)[kind_i])
    for unit in ("item", "interaction"):
        parts = ByFactors(known, None, unit)(log, 3, np.random.default_rng(0))
        assert sorted({(int(k), int(p)) for k, p in zip(kind_i[log.item], parts, strict=True)}) == sorted(
            {(k, int(parts[kind_i[log.item] == k][0])) for k in range(3)}
        )


def test_the_vectors_stand_on_the_records_that_are_dealt_and_on_no_others():
    task, left = Noted(matrix_factorization(4)), LOG.drop(LOG.ids_of_users([3, 5]))
    ByFactors(TRAINER, task)(left, 3, np.random.default_rng(0))
    assert task.asked == set(left.ids.tolist())


def test_label_propagation_deals_users_with_all_their_records():
    parts = ByLabelPropagation()(LOG, 3, np.random.default_rng(0))
    assert all(len(np.unique(parts[LOG.user == u])) == 1 for u in np.unique(LOG.user))
    assert np.bincount(parts, minlength=3).min() > 0
    assert depends_on_data(ByLabelPropagation())


def test_capacities_are_slack_times_an_even_share_rounded_up():
    assert [slack_capacity()(n, k) for n, k in ((100, 10), (101, 10), (7, 3), (6040, 5))] == [12, 13, 3, 1450]


def test_what_cannot_be_is_refused():
    with pytest.raises(SettingsError, match=r"slack must be >= 1, got 0\.9: smaller clusters cannot hold all units"):
        slack_capacity(0.9)
    with pytest.raises(SettingsError, match="unit must be one of user, item, interaction, got 'shop'"):
        ByFactors(TRAINER, TASK, "shop")

    class Bare:
        def train(self, task, records, *, seed):
            return nn.Identity()

    with pytest.raises(CapabilityError, match=r"Identity has no tables\(\): a partition by vectors needs"):
        ByFactors(Bare(), TASK)(LOG, 2, np.random.default_rng(0))
