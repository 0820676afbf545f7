"""Vectors of shards side by side: who speaks on whom, what stands in for a missing vector, and that nothing is touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from partition_toys import N_ITEMS, N_USERS, Vectors, small_log
from torch import nn

from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.recsys.serving.fold_in import ridge_fold_in, ridge_vectors
from r2u_rec.recsys.sharded.shard_tables import joined, shard_tables
from r2u_rec.recsys.sharded.sharding import SERVING

LOG = small_log()
RNG = np.random.default_rng(0)
MODELS = [Vectors(RNG.normal(size=(N_USERS, 4)), RNG.normal(size=(N_ITEMS, 4))) for _ in range(3)]


def parts_by(side: str) -> list:
    return [LOG.take(getattr(LOG, side) % 3 == p) for p in range(3)]


def test_parts_join_to_the_log_that_they_were():
    parts = [LOG.take((LOG.user + LOG.item) % 3 == p) for p in (2, 0, 1)]
    whole = joined(parts)
    for name in ("ids", "user", "item"):
        assert getattr(whole, name).tolist() == getattr(LOG, name).tolist()
    assert whole.time is None
    assert whole.user_keys is LOG.user_keys


@pytest.mark.parametrize("side", ["user", "item"])
def test_with_silent_shards_only_those_that_hold_records_speak(side):
    held = shard_tables(MODELS, parts_by(side), "silent")
    for shard, part in enumerate(parts_by(side)):
        assert held.speaks_users[shard].tolist() == (part.user_counts > 0).tolist()
        assert held.speaks_items[shard].tolist() == (part.item_counts > 0).tolist()
        assert held.users[shard][part.user_counts == 0].abs().sum() == 0
        assert torch.equal(held.users[shard][part.user_counts > 0], MODELS[shard].pair[0][part.user_counts > 0])
        assert torch.equal(held.items[shard][part.item_counts > 0], MODELS[shard].pair[1][part.item_counts > 0])


@pytest.mark.parametrize("side", ["user", "item"])
def test_missing_vectors_are_folded_in_from_the_whole_history_in_the_length_of_the_others(side):
    parts = parts_by(side)
    held = shard_tables(MODELS, parts, "fold")
    at = 0 if side == "user" else 1
    table, speaks = ((held.users, held.speaks_users), (held.items, held.speaks_items))[at]
    counts = LOG.user_counts if side == "user" else LOG.item_counts
    assert speaks.tolist() == [(counts > 0).tolist()] * 3
    history = LOG.matrix() if side == "user" else LOG.matrix().T.tocsr()
    code = 7  # in shard 1
    for shard in (0, 2):
        fitted = ridge_vectors(MODELS[shard].pair[1 - at], history[[code]], **SERVING)[0]
        cosine = torch.cosine_similarity(table[shard][code], fitted, dim=0)
        assert cosine > 1 - 1e-5
        own, missing = np.arange(len(counts)) % 3 == shard, (np.arange(len(counts)) % 3 != shard) & (counts > 0)
        lengths = [table[shard][rows].square().sum(1).mean().item() for rows in (own & (counts > 0), missing)]
        assert lengths[0] == pytest.approx(lengths[1], rel=1e-4)


def test_initial_vectors_take_part_when_asked_for_and_who_has_no_record_anywhere_never():
    held = shard_tables(MODELS, parts_by("user"), "initial")
    for shard in range(3):
        assert torch.equal(held.users[shard][:-1], MODELS[shard].pair[0][:-1])
    for absent in ("fold", "silent", "initial"):
        held = shard_tables(MODELS, parts_by("user"), absent)
        assert not held.speaks_users[:, -1].any()
        assert not held.speaks_items[:, -1].any()
        assert held.users[:, -1].abs().sum() == held.items[:, -1].abs().sum() == 0


def test_a_shard_without_records_says_nothing_and_models_stay_as_they_are():
    before = [[table.clone() for table in model.pair] for model in MODELS]
    parts = [LOG.take(LOG.user % 2 == p) for p in range(3)]  # none in the last
    for absent in ("fold", "silent", "initial"):
        held = shard_tables(MODELS, parts, absent)
        assert not held.speaks_users[2].any()
        assert held.users[2].abs().sum() == 0
        held.users.add_(1)
    for model, tables in zip(MODELS, before, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(model.pair, tables, strict=True))


def test_the_vectors_of_the_ridge_are_those_behind_its_scores():
    table, histories = MODELS[0].pair[1], LOG.matrix()[:5]
    scaled = table / table.square().sum(1).mean().sqrt()
    np.testing.assert_allclose(ridge_vectors(table, histories) @ scaled.T, ridge_fold_in(table, histories), atol=1e-5)


def test_what_does_not_fit_is_refused():
    parts = parts_by("user")
    with pytest.raises(SettingsError, match="absent must be one of fold, silent, initial, got 'zero'"):
        shard_tables(MODELS, parts, "zero")
    with pytest.raises(CapabilityError, match=r"Identity has no tables\(\): learned aggregation needs the vectors of each shard"):
        shard_tables([nn.Identity()] * 3, parts)
    odd = Vectors(np.ones((N_USERS, 2)), np.ones((N_ITEMS, 2)))
    with pytest.raises(SettingsError, match=r"have widths \[2, 4\]: shards must agree in their embedding_dim"):
        shard_tables([*MODELS[:2], odd], parts)
