"""After an erasure a model of recbole holds what one built on the remaining records holds, and its trained parameters: nothing else."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from recbole_toys import EVERYBODY, LOG, SMALL, held, small, trained

from r2u_rec.recsys.recbole.traits import build, toy

GONE = np.unique(np.concatenate([LOG.ids_of_users([2, 5]), LOG.ids[[0, 31, 100]]]))
LEFT = LOG.drop(GONE)
PAIRS = {(int(LOG.user[at]) + 1, int(LOG.item[at]) + 1) for at in LOG.positions(GONE)}  # as the library counts
ABSENT = np.flatnonzero(LEFT.user_counts == 0)
QUICK = ("BPR", "LightGCN", "NeuMF", "SGL", "MultiDAE")
WITHOUT_EDGES = ("BPR", "NeuMF", "ConvNCF")
some = pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in SMALL])


def erased_edges(model, n_users, n_items):
    """Yields the place of every matrix, adjacency, edge list and history inside `model` that still has an erased pair."""
    parts = dict(held(model))
    for where, values in parts.items():
        if values.shape == (n_users, n_items) and any(values[pair] for pair in PAIRS):
            yield where
        if where.endswith(f" edges of {n_users + n_items}") and values.shape[0] == 2:
            edges = set(map(tuple, values.T.tolist()))
            if any((u, n_users + i) in edges or (n_users + i, u) in edges for u, i in PAIRS):
                yield where
        if "history_item" in where and values.ndim == 2 and values.dtype == np.int64 and any(i in values[u] for u, i in PAIRS):
            yield where
    for one, other in (("._user", "._item"), (".all_h_list", ".all_t_list"), (".user_id", ".item_id")):
        at = [where for where in parts if where.endswith(one)]
        for where in at:
            offset = n_users if one == ".all_h_list" else 0
            edges = set(zip(parts[where].tolist(), parts[where.removesuffix(one) + other].tolist(), strict=True))
            if any((u, i + offset) in edges for u, i in PAIRS):
                yield where


@some
def test_a_model_attached_to_what_remains_holds_no_erased_edge_and_only_its_parameters_differ_from_a_new_one(name):
    task, model = small(name), trained(name)
    model.scores(EVERYBODY)  # whatever this may cache
    before = list(erased_edges(model.model, LOG.n_users + 1, LOG.n_items + 1))
    after = copy.deepcopy(model)
    task.attach(after, LEFT)
    assert not list(erased_edges(after.model, LOG.n_users + 1, LOG.n_items + 1))
    assert bool(before) == (name not in WITHOUT_EDGES)
    fresh = build(name, SMALL[name], 1, LEFT, seed=0)
    parameters = {n for n, _ in fresh.named_parameters()} | {n for n, _ in fresh.named_buffers()}
    found, wanted = dict(held(after.model)), dict(held(fresh))
    assert found.keys() == wanted.keys()
    assert len(found) > 10
    for where, values in wanted.items():
        own = where.replace("._parameters", "").replace("._modules", "").replace("._buffers", "").lstrip(".")
        if own not in parameters and not where.endswith(".training"):
            assert np.array_equal(found[where], values), where
    assert list(erased_edges(model.model, LOG.n_users + 1, LOG.n_items + 1)) == before  # and the old one is as it was


@some
def test_who_has_no_record_left_scores_nothing_and_no_parameter_keeps_an_entry_of_theirs(name):
    task, model = small(name), trained(name)
    task.attach(model, LEFT)
    scores = model.scores(EVERYBODY)
    assert np.isfinite(scores).all()
    assert not scores[ABSENT].any()
    assert np.abs(np.delete(scores, ABSENT, axis=0)).any(axis=1).mean() > 0.5
    for where, axis in model.traits.user_axes:
        rows = model.model.get_parameter(where).detach().transpose(0, axis)
        assert not rows[ABSENT + 1].any(), where
        assert rows.any(), where
    sizes = {LOG.n_users + 1, LOG.n_users + LOG.n_items + 2}
    assert {where for where, _ in model.traits.user_axes} == {n for n, p in model.model.named_parameters() if sizes & set(p.shape)}


def test_the_search_for_erased_edges_finds_those_of_each_kind():
    for name, place in (
        ("LightGCN", "norm_adj_matrix edges of 42"),
        ("SGL", "._user"),
        ("MultiDAE", "history_item_id"),
        ("DGCF", "all_h_list"),
    ):
        found = list(erased_edges(trained(name).model, LOG.n_users + 1, LOG.n_items + 1))
        assert any(where.endswith(place) for where in found), (name, found)


@pytest.mark.parametrize("name", ["LightGCN", "SGL"])
def test_tables_kept_from_an_earlier_ranking_never_answer_for_moved_parameters(name):
    model = trained(name)
    wanted = model.scores(EVERYBODY)
    assert model.model.restore_item_e is None
    model.model.restore_user_e, model.model.restore_item_e = torch.ones(25, 4), torch.ones(17, 4)  # of parameters that are gone
    assert np.array_equal(model.scores(EVERYBODY), wanted)
    assert model.model.restore_item_e is None


def test_records_of_another_vocabulary_are_refused():
    with pytest.raises(ValueError, match="the records count 24 users and 16 items, the model 7 and 11: use the log"):
        small("BPR").model(toy(7), seed=0).rebuild(LOG)
