"""Full ranking and its metrics."""

import numpy as np
import pytest
from evaluate_toys import Table, random_histories
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from r2u_rec.errors import CapabilityError
from r2u_rec.evaluate.groups import coverage, halves_by_activity, item_group_metrics, popular_items
from r2u_rec.evaluate.ranking import rank, ranking_metrics, top_k


def ranked_for_test(seed, k=20):
    rng = np.random.default_rng(seed)
    seen, relevant = random_histories(40, 50, seed=seed), random_histories(40, 50, seed=seed + 1, lengths=(0, 30))
    return rank(Table(rng.normal(size=(40, 50))), seen, np.arange(40), k), relevant


def test_the_metrics_equal_ir_measures_on_the_same_rankings():
    ir_measures = pytest.importorskip("ir_measures")
    from ir_measures import RR, P, R, Success, nDCG

    ranked, relevant = ranked_for_test(3)
    users, ks = np.arange(40), (1, 5, 10, 20)
    result = ranking_metrics(ranked, relevant, users, ks)
    qrels = [ir_measures.Qrel(str(u), str(i), 1) for u, i in zip(*relevant.nonzero(), strict=True)]
    run = [ir_measures.ScoredDoc(str(u), str(i), float(-r)) for u in users for r, i in enumerate(ranked[u])]
    theirs = {"Recall": R, "NDCG": nDCG, "MRR": RR, "Hit": Success, "Precision": P}
    compared = 0
    for name, measure in theirs.items():
        for k in ks:
            cut = [d for d in run if -d.score < k] if name == "MRR" else run  # the library's MRR has no cut-off of its own
            values = {m.query_id: m.value for m in ir_measures.iter_calc([measure if name == "MRR" else measure @ k], qrels, cut)}
            np.testing.assert_allclose(result.per_user[f"{name}@{k}"], [values[str(u)] for u in result.users], rtol=0, atol=1e-9)
            compared += len(values)
    assert compared >= 20 * 30


def test_a_list_worked_out_by_hand_gets_its_values():
    relevant = sparse.csr_array(np.array([[1, 0, 1, 1, 0, 0]]))
    result = ranking_metrics(np.array([[4, 2, 5, 0]]), relevant, [0], [4]).mean()
    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    dcg = 1 / np.log2(3) + 1 / np.log2(5)
    assert result == pytest.approx({"Recall@4": 2 / 3, "NDCG@4": dcg / ideal, "MRR@4": 0.5, "Hit@4": 1.0, "Precision@4": 0.5})


def test_users_without_test_items_are_left_out_and_counted():
    relevant = sparse.csr_array(np.array([[0, 1, 0], [0, 0, 0], [1, 0, 0]]))
    result = ranking_metrics(np.array([[1], [1], [1]]), relevant, [0, 1, 2], [1])
    assert result.users.tolist() == [0, 2]
    assert result.n_left_out == 1
    assert result.mean()["Recall@1"] == 0.5


def test_a_mean_over_a_group_counts_its_users_only():
    relevant = sparse.csr_array(np.array([[0, 1, 0], [1, 0, 0]]))
    result = ranking_metrics(np.array([[1], [1]]), relevant, [0, 1], [1])
    assert result.mean(among=[0])["Hit@1"] == 1.0
    assert result.mean(among=[1])["Hit@1"] == 0.0
    with pytest.raises(ValueError, match="none of the 2 measured users is in the group"):
        result.mean(among=[7])


def test_seen_items_are_never_ranked_and_short_lists_end_in_minus_one():
    table, seen = np.array([[5.0, 4.0, 3.0, 2.0]]), sparse.csr_array(np.array([[1, 0, 1, 0]]))
    assert rank(Table(table), seen, [0], 3).tolist() == [[1, 3, -1]]
    assert table.tolist() == [[5.0, 4.0, 3.0, 2.0]]  # the mask did not reach the model
    result = ranking_metrics(np.array([[1, 3, -1]]), sparse.csr_array(np.array([[0, 0, 0, 1]])), [0], [3])
    assert result.mean()["Precision@3"] == pytest.approx(1 / 3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 4))
def test_equal_scores_go_by_the_lower_item_code(seed, k, levels):
    scores = np.random.default_rng(seed).integers(0, levels, size=(5, 9)).astype(np.float32)
    scores[0, :4] = -np.inf
    naive = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    naive = np.where(np.isneginf(np.take_along_axis(scores, naive, 1)), -1, naive)
    np.testing.assert_array_equal(top_k(scores, k), naive)


def test_the_chunk_size_does_not_change_the_ranking(monkeypatch):
    whole, _ = ranked_for_test(5)
    monkeypatch.setattr("r2u_rec.evaluate.ranking.CHUNK_ELEMENTS", 150)
    chunked, _ = ranked_for_test(5)
    np.testing.assert_array_equal(whole, chunked)


def test_what_cannot_be_ranked_is_refused_with_the_reason():
    seen = sparse.csr_array((2, 3))
    with pytest.raises(CapabilityError, match="object cannot be ranked: a model needs scores"):
        rank(object(), seen, [0], 1)
    with pytest.raises(ValueError, match=r"shape \(2, 4\), expected \(2, 3\)"):
        rank(Table(np.zeros((2, 4))), seen, [0, 1], 1)
    with pytest.raises(ValueError, match="NaN in 1 of 2 rows, the first 1"):
        rank(Table(np.array([[0.0, 1, 2], [0, np.nan, 1]])), seen, [0, 1], 1)
    with pytest.raises(ValueError, match=r"k must lie in \[1, 3\], the number of items, got 4"):
        rank(Table(np.zeros((2, 3))), seen, [0], 4)
    with pytest.raises(ValueError, match="1 rows for 2 users"):
        ranking_metrics(np.array([[0]]), seen, [0, 1], [1])
    with pytest.raises(ValueError, match=r"cut-off 5 lies outside \[1, 1\]"):
        ranking_metrics(np.array([[0]]), seen, [0], [5])


def test_activity_halves_split_users_at_the_median():
    active, inactive = halves_by_activity(np.array([9, 1, 5, 3]), users=[0, 1, 2, 3])
    assert (sorted(active), sorted(inactive)) == ([0, 2], [1, 3])


def test_popular_items_hold_the_stated_share_of_interactions():
    assert popular_items(np.array([80, 10, 5, 5]), interaction_share=0.8).tolist() == [True, False, False, False]
    assert popular_items(np.array([80, 10, 5, 5]), interaction_share=0.85).tolist() == [True, True, False, False]
    with pytest.raises(ValueError, match=r"interaction_share must lie in \(0, 1\), got 1.5"):
        popular_items(np.array([1]), interaction_share=1.5)


def test_item_groups_are_measured_against_their_own_items_in_the_same_lists():
    relevant, popular = sparse.csr_array(np.array([[1, 0, 1, 0]])), np.array([True, True, False, False])
    result = item_group_metrics(np.array([[0, 1]]), relevant, [0], [2], popular)
    assert result["popular"].mean()["Recall@2"] == 1.0
    assert result["tail"].mean()["Recall@2"] == 0.0


def test_coverage_is_the_share_of_items_that_any_list_holds():
    assert coverage(np.array([[0, 1], [1, -1]]), n_items=8) == 0.25
