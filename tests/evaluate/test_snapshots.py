"""What two snapshots give away: leaks planted by hand, tables that did not move, and EASE read through its weights."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from evaluate_toys import random_histories
from scipy import sparse
from scipy.stats import ortho_group

from r2u_rec.errors import CapabilityError
from r2u_rec.evaluate.snapshot_attacks import (
    ALL_VECTORS,
    COUNTS,
    MATRICES,
    OLD_MATRIX,
    OLD_MODEL,
    OLD_TABLE,
    OWN_VECTOR,
    TABLES,
    gram_diagonal,
)
from r2u_rec.evaluate.snapshots import SnapshotLeak, attack_areas, leak_of, matrix_areas, model_leak, snapshot_leak, snapshots

N_ITEMS, D = 120, 6
RNG = np.random.default_rng(0)
BEFORE, COUNTED = RNG.normal(size=(N_ITEMS, D)), RNG.integers(1, 200, size=N_ITEMS)
HISTORIES = random_histories(3, N_ITEMS, seed=2, lengths=(15, 25))
OWN = RNG.normal(size=(3, D))


def after_erasing(rows, step=0.1):
    """The table after each erased user's items moved against that user's vector."""
    return BEFORE - step * HISTORIES[rows].T @ OWN[rows]


def naive_auc(scores, history):
    items = set(history.indices)
    others = [i for i in range(len(scores)) if i not in items]
    return np.mean([1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0 for i in items for j in others])


def test_a_history_that_moved_is_read_from_the_item_tables_alone():
    leak = snapshot_leak(BEFORE, after_erasing([0]), HISTORIES[[0]], item_counts=COUNTED)
    assert (leak.auc, leak.worst_auc, leak.attacker, leak.attack, leak.n_users) == (1.0, 1.0, TABLES, "length of the move", 1)
    assert leak.baseline_auc < 0.7
    assert leak.excess == leak.auc - leak.baseline_auc


def test_an_untouched_table_gives_the_baseline_and_nothing_more():
    counts = snapshot_leak(BEFORE, BEFORE, HISTORIES, item_counts=COUNTED)
    assert counts.excess == 0
    assert counts.attacker in (COUNTS, OLD_TABLE)
    short = BEFORE * np.where(HISTORIES[[0]].toarray()[0] > 0, 0.2, 1.0)[:, None]  # nothing moved, however short a vector is
    assert snapshot_leak(short, short, HISTORIES[[0]]).excess == 0
    trained = BEFORE + HISTORIES.T @ OWN  # the old model ranks what it was trained on
    old = snapshot_leak(trained, trained, HISTORIES, OWN, COUNTED)
    assert (old.attacker, old.attack, old.excess) == (OLD_MODEL, "old score", 0)
    assert old.auc == old.baseline_auc > 0.8


def test_the_leak_is_that_of_the_best_attack_and_a_tie_goes_to_who_needs_no_second_snapshot():
    areas = {(TABLES, "one"): np.array([0.5, 0.9]), (TABLES, "other"): np.array([0.6, 0.6]), (COUNTS, "count"): np.array([0.6, 0.4])}
    assert leak_of(areas) == SnapshotLeak(0.7, 0.9, TABLES, "one", n_users=2, baseline_auc=0.5)
    assert leak_of(areas | {(COUNTS, "count"): np.array([0.8, 0.6])}).attacker == COUNTS
    worse_than_guessing = leak_of({(COUNTS, "count"): np.array([0.2]), (TABLES, "one"): np.array([0.4])})
    assert (worse_than_guessing.attacker, worse_than_guessing.auc, worse_than_guessing.excess) == ("nothing", 0.5, 0)


def test_each_area_equals_the_naive_loops_over_pairs_ties_counted_half():
    before, after, counts = np.round(BEFORE), np.round(2 * after_erasing([0, 1], step=0.5)) / 2, np.round(COUNTED / 40)
    areas = attack_areas(snapshots(before, after, OWN, counts), HISTORIES)
    moved = after - before
    expected = {
        (COUNTS, "count"): [counts] * 3,
        (TABLES, "length of the move"): [np.round(np.linalg.norm(moved, axis=1), 9)] * 3,
        (OLD_MODEL, "old score"): before @ OWN.T.copy(),
        (OWN_VECTOR, "against own"): -(moved @ OWN.T),
    }
    for key, scores in expected.items():
        rows = scores if isinstance(scores, list) else scores.T
        np.testing.assert_allclose(areas[key], [naive_auc(rows[i], HISTORIES[[i]]) for i in range(3)], err_msg=str(key))


def test_users_erased_together_hide_among_each_other_until_their_vectors_are_known():
    histories = random_histories(3, N_ITEMS, seed=5, lengths=(60, 80))
    alike = np.array([[0.2, 0, 0.1], [1, 1, 0], [1, -1, 0]]) @ np.eye(3, D)  # what the others have together moves as the first would
    after = BEFORE - 0.1 * histories.T @ alike
    areas = attack_areas(snapshots(BEFORE, after, alike, COUNTED), histories)
    assert areas[ALL_VECTORS, "decoded"][0] > 0.99
    assert max(areas[OWN_VECTOR, attack][0] for attack in ("against own", "angle to own")) < 0.9
    assert snapshot_leak(BEFORE, after, histories, item_counts=COUNTED).auc < 0.9
    assert snapshot_leak(BEFORE, after, histories, alike, COUNTED).attacker == ALL_VECTORS


def test_old_score_and_second_snapshot_together_read_what_neither_does():
    history = HISTORIES[[0]]
    half = np.arange(history.nnz) % 2 == 0
    before, after = BEFORE * 0.1, BEFORE * 0.1
    before[history.indices[half]] += 0.3 * OWN[0]  # the old model knows one half, and only the other half moves
    after = before.copy()
    after[history.indices[~half]] -= 0.3 * OWN[0]
    areas = attack_areas(snapshots(before, after, OWN[:1], COUNTED), history)
    alone = max(areas[key][0] for key in [(OLD_MODEL, "old score"), (OWN_VECTOR, "against own"), (OWN_VECTOR, "angle to own")])
    assert areas[OWN_VECTOR, "old score and angle"][0] > alone + 0.05
    assert snapshot_leak(before, after, history, OWN[:1], COUNTED).attack == "old score and angle"


def test_a_step_shortened_by_the_count_is_undone_by_the_count():
    after = BEFORE - (HISTORIES[[0]].T @ OWN[[0]] + 0.2 * np.random.default_rng(1).normal(size=BEFORE.shape)) / COUNTED[:, None]
    areas = attack_areas(snapshots(BEFORE, after, None, COUNTED), HISTORIES[[0]])
    assert areas[TABLES, "length times count"] > 0.99 > areas[TABLES, "length of the move"]


def test_a_table_from_another_training_is_rotated_back_first():
    turned = after_erasing([0]) @ ortho_group.rvs(D, random_state=1)
    assert snapshot_leak(BEFORE, turned, HISTORIES[[0]], item_counts=COUNTED).auc > 0.97
    as_it_is = np.linalg.norm(turned - BEFORE, axis=1)
    assert naive_auc(as_it_is, HISTORIES[[0]]) < 0.8


def test_who_knows_no_counts_is_held_against_the_old_table():
    long = BEFORE * np.where(HISTORIES[[0]].toarray()[0] > 0, 3.0, 1.0)[:, None]
    leak = snapshot_leak(long, long, HISTORIES[[0]])
    assert (leak.attacker, leak.excess) == (OLD_TABLE, 0)
    assert leak.baseline_auc > 0.9


def test_users_of_whom_no_auc_can_be_taken_are_left_out_and_the_histories_stay_as_they_are():
    rows = np.repeat([0, 2, 3], [N_ITEMS, 3, 1])
    columns = np.concatenate([np.arange(N_ITEMS), [5, 5, 7], [9]])
    values = np.concatenate([np.ones(N_ITEMS + 3), [0.0]])
    indptr = np.searchsorted(rows, np.arange(5))
    histories = sparse.csr_array((values, columns, indptr), shape=(4, N_ITEMS))  # all items, none, 5 twice and 7, an explicit zero
    after = BEFORE.copy()
    own = np.eye(4, D)
    after[[5, 7]] -= own[2]
    leak = snapshot_leak(BEFORE, after, histories, own)
    assert (leak.auc, leak.n_users) == (1.0, 1)
    assert attack_areas(snapshots(BEFORE, after, own), histories)[OWN_VECTOR, "against own"].tolist() == [1.0]
    assert (histories.nnz, histories.indices.tolist()) == (len(values), columns.tolist())


def ease_weights(histories, reg=20.0):
    """B of EASE, and the Gram matrix that it comes from."""
    gram = (histories.T @ histories).toarray() + reg * np.eye(histories.shape[1])
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights, gram


def test_the_weights_of_ease_give_the_gram_diagonal_away_up_to_one_factor():
    weights, gram = ease_weights(random_histories(200, 40, seed=1).astype(float))
    ratio = gram_diagonal(weights) / np.diag(gram)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-8)


def test_one_user_erased_exactly_from_ease_is_read_from_the_weights():
    histories = random_histories(200, 40, seed=1, lengths=(4, 9)).astype(float)
    counts = np.asarray(histories.sum(axis=0)).ravel()
    before, after = (ease_weights(h)[0] for h in (histories, histories[1:]))
    leak = leak_of(matrix_areas(before, after, histories[[0]], counts))
    assert (leak.auc, leak.attacker) == (1.0, MATRICES)
    assert leak.baseline_auc < 0.9
    untouched = leak_of(matrix_areas(before, before, histories[[0]]))
    assert (untouched.excess, untouched.attacker) == (0, OLD_MATRIX)


@dataclass
class Factors:
    users: object
    items: object

    def tables(self):
        return self.users, self.items


@dataclass
class Linear:
    weights: object


def test_two_models_are_compared_by_what_they_offer():
    users = torch.nn.Parameter(torch.tensor(np.vstack([np.ones((4, D)), OWN])))  # the erased are users 4 to 6
    before, after = Factors(users, torch.tensor(BEFORE)), Factors(users * 0, torch.tensor(after_erasing([0, 1, 2])))
    for knows, own in ((False, None), (True, OWN)):
        expected = snapshot_leak(BEFORE, after_erasing([0, 1, 2]), HISTORIES, own, COUNTED)
        assert model_leak(before, after, HISTORIES, [4, 5, 6], knows_vectors=knows, item_counts=COUNTED) == expected
    histories = random_histories(50, 20, seed=1).astype(float)
    linear = [Linear(torch.tensor(ease_weights(h)[0])) for h in (histories, histories[2:])]
    expected = leak_of(matrix_areas(linear[0].weights, linear[1].weights, histories[:2]))
    assert model_leak(*linear, histories[:2], [0, 1]) == expected
    with pytest.raises(CapabilityError, match=r"snapshots of Factors and object cannot be compared: both need tables\(\)"):
        model_leak(before, object(), HISTORIES, [4, 5, 6])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"after_items": BEFORE[:-1]}, r"shapes \(120, 6\) and \(119, 6\), expected \(n_items, d\) twice: give one catalogue"),
        ({"own_vectors": OWN[:, :3]}, r"own_vectors have shape \(3, 3\), expected \(n, 6\)"),
        ({"own_vectors": OWN[:2]}, "2 own_vectors for 3 histories: give one vector an erased user"),
        ({"item_counts": COUNTED[:5]}, r"item_counts have shape \(5,\), expected \(120,\): one count an item"),
        ({"histories_of_erased": HISTORIES[:, :9]}, "histories have 9 items, the snapshots 120: use one catalogue"),
        ({"histories_of_erased": sparse.csr_array((3, N_ITEMS))}, "none of the 3 users had an item erased"),
        ({"before_items": BEFORE * np.nan}, "before_items holds values that are not finite: the model has diverged"),
        ({"after_items": BEFORE * np.inf}, "after_items holds values that are not finite"),
        ({"own_vectors": OWN * np.nan}, "own_vectors holds values that are not finite"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(arguments, message):
    given = {"before_items": BEFORE, "after_items": BEFORE, "histories_of_erased": HISTORIES}
    with pytest.raises(ValueError, match=message):
        snapshot_leak(**(given | arguments))


def test_weights_that_cannot_be_read_are_refused():
    square, histories = np.zeros((4, 4)), random_histories(2, 4, seed=0, lengths=(1, 3))
    with pytest.raises(ValueError, match=r"weights have shapes \(4, 4\) and \(4, 3\), expected \(n_items, n_items\) twice"):
        matrix_areas(square, square[:, :3], histories)
    for name, pair in (("before", (square * np.nan, square)), ("after", (square, square * np.nan))):
        with pytest.raises(ValueError, match=f"{name} holds values that are not finite"):
            matrix_areas(*pair, histories)
