"""Block Newton is exact where the loss is quadratic in the rows, keeps what it needs and nothing of who has left."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from unlearn_toys import DIM, N_ROWS, Regress, Solver, measurements, solved

from r2u_rec.core.protocols import Fitted
from r2u_rec.errors import CapabilityError, SettingsError, UnknownRecordError
from r2u_rec.testing import LockedRecords
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.curvature.blocks import gather_blocks, sum_of_blocks
from r2u_rec.unlearn.curvature.row_interactions import RowInteractions
from r2u_rec.unlearn.post_hoc import PostHoc

TASK, RECORDS = Regress(), measurements()
FORGET = RECORDS.ids[[3, 4, 17, 30, 31, 32, 59]]
TINY = 1e-12


def fitted(unlearner=None, records=RECORDS):
    method = PostHoc(Solver(), unlearner or BlockNewton(damping=TINY))
    return method, method.fit(TASK, records, seed=0)


def test_the_step_equals_retraining_where_the_loss_is_quadratic():
    method, before = fitted()
    after = method.forget(TASK, before, FORGET, seed=1)
    wanted = solved(RECORDS.drop(FORGET), TASK.reg)
    torch.testing.assert_close(after.model.rows.detach(), wanted, atol=1e-8, rtol=0)
    assert (before.model.rows - wanted).abs().max() > 1e-2


def test_without_the_downdate_it_would_not():
    method, before = fitted()
    after = method.forget(TASK, before, FORGET, seed=1)
    whole = gather_blocks(TASK.row_interactions(before.model, RECORDS, RECORDS.ids, n_draws=1, rng=None)[0], RECORDS.ids, N_ROWS)
    left = after.memory.tables[0]
    assert (left.blocks - whole.blocks).abs().max() > 0.1


def test_a_stream_of_single_requests_equals_the_joint_request():
    method, one_by_one = fitted()
    joint = method.forget(TASK, one_by_one, FORGET, seed=1)
    for at in np.random.default_rng(0).permutation(FORGET):
        one_by_one = method.forget(TASK, one_by_one, [at], seed=1)
    torch.testing.assert_close(one_by_one.model.rows, joint.model.rows, atol=1e-9, rtol=0)
    torch.testing.assert_close(one_by_one.memory.tables[0].blocks, joint.memory.tables[0].blocks, atol=1e-12, rtol=0)


def test_what_is_kept_equals_what_would_be_gathered_from_the_records_that_remain():
    method, before = fitted()
    left = method.forget(TASK, before, FORGET, seed=1).memory.tables[0]
    remaining = RECORDS.drop(FORGET)
    fresh = gather_blocks(TASK.row_interactions(before.model, remaining, remaining.ids, n_draws=1, rng=None)[0], remaining.ids, N_ROWS)
    assert left.ids.tolist() == remaining.ids.tolist()
    for name in ("blocks", "ridges", "counts", "rows", "curvatures", "record_ridges"):
        torch.testing.assert_close(getattr(left, name), getattr(fresh, name), atol=1e-12, rtol=0)


def test_a_mask_and_joined_stretches_leave_the_same_bytes(monkeypatch):
    method, before = fitted()
    joined = method.forget(TASK, before, FORGET, seed=1).memory.tables[0]
    monkeypatch.setattr("r2u_rec.ids.MANY_STRETCHES", 0)
    masked = method.forget(TASK, before, FORGET, seed=1).memory.tables[0]
    assert joined.ids.tobytes() == masked.ids.tobytes()
    for name in ("blocks", "ridges", "counts", "rows", "curvatures", "record_ridges"):
        assert torch.equal(getattr(joined, name), getattr(masked, name))


def test_downdated_blocks_stay_positive_semidefinite_to_the_last_record():
    method, now = fitted()
    for ids in np.array_split(np.random.default_rng(1).permutation(RECORDS.ids), 6):
        now = method.forget(TASK, now, ids, seed=1)
        assert torch.linalg.eigvalsh(now.memory.tables[0].blocks).min() > -1e-12
    assert now.memory.tables[0].counts.abs().max() == 0
    assert now.memory.tables[0].blocks.abs().max() < 1e-12


def test_forgetting_leaves_the_old_memory_as_it_was():
    method, before = fitted()
    table = before.memory.tables[0]
    copies = {name: getattr(table, name).clone() for name in ("blocks", "ridges", "counts", "rows", "curvatures")}
    method.forget(TASK, before, FORGET, seed=1)
    assert all(torch.equal(getattr(table, name), value) for name, value in copies.items())


def test_the_length_scales_the_step_and_zero_leaves_the_rows():
    moves = []
    for length in (1.0, 0.5, 0.0):
        method, before = fitted(BlockNewton(length=length, damping=TINY))
        moves.append((method.forget(TASK, before, FORGET, seed=1).model.rows - before.model.rows).detach())
    torch.testing.assert_close(moves[1], moves[0] / 2, atol=1e-12, rtol=0)
    assert moves[2].abs().max() == 0


def test_damping_shortens_the_step():
    lengths = []
    for damping in (TINY, 1.0, 100.0):
        method, before = fitted(BlockNewton(damping=damping))
        lengths.append(float((method.forget(TASK, before, FORGET, seed=1).model.rows - before.model.rows).detach().norm()))
    assert lengths[0] > lengths[1] > 3 * lengths[2]


def test_a_rule_sets_the_length_once_on_undone_trials_and_it_is_stored_beside_the_blocks():
    calls = []

    def rule(task, model, records, erase):
        trials = [erase(FORGET, length).rows.detach() for length in (0.0, 1.0, 2.0)]
        calls.append((task, len(records)))
        assert torch.equal(trials[0], model.rows)
        torch.testing.assert_close(trials[1], solved(RECORDS.drop(FORGET), TASK.reg), atol=1e-8, rtol=0)
        torch.testing.assert_close(trials[2] - trials[0], 2 * (trials[1] - trials[0]), atol=1e-12, rtol=0)
        return 0.75

    method, before = fitted(BlockNewton(length=rule, damping=TINY))
    assert calls == [(TASK, len(RECORDS))]
    assert torch.equal(before.model.rows, solved(RECORDS, TASK.reg))  # every trial is undone
    after = method.forget(TASK, before, FORGET, seed=1)
    assert before.memory.length == after.memory.length == 0.75
    wanted = 0.75 * (solved(RECORDS.drop(FORGET), TASK.reg) - before.model.rows)
    torch.testing.assert_close(after.model.rows - before.model.rows, wanted, atol=1e-8, rtol=0)


def test_retained_data_is_never_read_by_a_request():
    method, before = fitted()
    after = method.forget(TASK, Fitted(before.model, LockedRecords(RECORDS), before.memory), FORGET, seed=1)
    torch.testing.assert_close(after.model.rows.detach(), solved(RECORDS.drop(FORGET), TASK.reg), atol=1e-8, rtol=0)
    with pytest.raises(AssertionError, match="retained data was read: rows"):
        PostHoc(Solver(), BlockNewton()).fit(TASK, LockedRecords(RECORDS), seed=0)  # the lock does lock


def test_a_block_that_rounding_left_indefinite_is_clipped_to_its_damping():
    method, before = fitted(BlockNewton(damping=0.1))
    table = before.memory.tables[0]
    table.blocks[RECORDS.keep(FORGET).rows[0, 0]] -= 50 * torch.eye(DIM)
    after = method.forget(TASK, before, FORGET, seed=1)
    assert torch.isfinite(after.model.rows).all()
    assert (after.model.rows - before.model.rows).abs().max() < 1000


@pytest.mark.parametrize("shared", [True, False])
def test_sum_of_blocks_is_the_dense_einsum_without_the_dense_array(shared):
    rng = torch.Generator().manual_seed(0)
    rows = torch.randint(0, 9, (50, 3), generator=rng)
    weights = torch.rand(50, 3, generator=rng, dtype=torch.float64)
    features = torch.randn(50, 1 if shared else 3, DIM, generator=rng, dtype=torch.float64)
    dense = torch.einsum("nc,ncd,nce->ncde", weights, features.expand(50, 3, DIM), features.expand(50, 3, DIM))
    wanted = torch.zeros(9, DIM, DIM, dtype=torch.float64).index_add_(0, rows.flatten(), dense.reshape(-1, DIM, DIM))
    touched, found = sum_of_blocks(rows, weights, features)
    assert touched.tolist() == sorted(set(rows.flatten().tolist()))
    torch.testing.assert_close(found, wanted[touched], atol=1e-12, rtol=0)


def test_rows_of_their_own_share_the_mean_block_scaled_by_their_count():
    c = TASK.row_interactions(Solver().train(TASK, RECORDS, seed=0), RECORDS, RECORDS.ids, n_draws=1, rng=None)[0]
    own = RowInteractions(c.table, c.rows, c.features, c.slopes, 2 * c.curvatures, c.ridges, own=True)
    kept = gather_blocks(own, RECORDS.ids, N_ROWS)
    flat = c.features.reshape(-1, DIM)
    mean = 2 * flat.T @ flat / len(flat)
    counts = torch.bincount(c.rows.flatten(), minlength=N_ROWS)
    rows = torch.tensor([0, 3])
    wanted = [counts[r] * mean + (TASK.reg * float(counts[r]) + 0.1) * torch.eye(DIM, dtype=torch.float64) for r in rows]
    torch.testing.assert_close(kept.systems(rows, 0.1), torch.stack(wanted), atol=1e-12, rtol=0)
    gone = np.flatnonzero(np.isin(RECORDS.ids, FORGET))
    left = kept.without(FORGET, c.features[gone])
    rest = np.delete(np.arange(len(RECORDS)), gone)
    flat = c.features[rest].reshape(-1, DIM)
    torch.testing.assert_close(left.blocks[0], 2 * flat.T @ flat / len(flat), atol=1e-12, rtol=0)
    assert left.counts.tolist() == torch.bincount(c.rows[rest].flatten(), minlength=N_ROWS).tolist()


def test_memory_states_its_size():
    _, before = fitted()
    table = before.memory.tables[0]
    n = len(RECORDS)
    features = 2 * n * DIM  # each of a record's two rows is met with a feature of its own
    by_hand = 8 * (N_ROWS * DIM * DIM + 2 * N_ROWS + 2 * 2 * n + n + features) + 4 * 2 * n
    assert before.memory.nbytes == table.nbytes == by_hand


def test_a_task_without_row_interactions_is_refused_before_training():
    class Opaque:
        def model(self, records, *, seed):
            raise AssertionError("trained first")

    with pytest.raises(CapabilityError, match=r"row_interactions\(model, records, ...\), Opaque has none: use gradient ascent or retrain"):
        PostHoc(Solver(), BlockNewton()).fit(Opaque(), RECORDS, seed=0)


def test_tables_choose_among_those_the_task_offers():
    with pytest.raises(SettingsError, match=r"tables=\['cols'\] matches none of \['rows'\]"):
        fitted(BlockNewton(tables=("cols",)))
    method, before = fitted(BlockNewton(tables=("ro*",), damping=TINY))
    assert [t.table for t in before.memory.tables] == ["rows"]
    method.forget(TASK, before, FORGET, seed=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"length": -1.0}, "length must be >= 0, got -1.0"),
        ({"damping": 0.0}, "damping must be > 0, got 0.0"),
        ({"n_draws": 0}, "n_draws must be >= 1"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        BlockNewton(**settings)


def test_ids_that_are_not_there_are_refused():
    method, before = fitted()
    with pytest.raises(UnknownRecordError, match=r"not among the 60 records, the first \[0\]"):
        method.forget(TASK, before, [0], seed=1)


def test_a_request_gathered_in_pieces_equals_one_gathered_whole(monkeypatch):
    def edited(pieces):
        monkeypatch.setattr("r2u_rec.unlearn.curvature.block_newton.INTERACTIONS_AT_ONCE", pieces)
        method = PostHoc(Solver(), BlockNewton(damping=1e-6))
        fitted = method.fit(TASK, RECORDS, seed=0)
        return fitted, method.forget(TASK, fitted, RECORDS.ids[3:9], seed=0)

    (whole, after_whole), (pieces, after_pieces) = edited(10**6), edited(2)
    for one, other in zip(whole.memory.tables, pieces.memory.tables, strict=True):
        assert (one.ids == other.ids).all()
        torch.testing.assert_close(one.blocks, other.blocks)
    for one, other in zip(after_whole.model.parameters(), after_pieces.model.parameters(), strict=True):
        torch.testing.assert_close(one, other)
