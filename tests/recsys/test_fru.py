"""FRU: what the log keeps, what a replay repeats exactly, and what it drops."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from federated_toys import N_ITEMS, N_USERS, SMALL, TASK, right_taste, two_tastes

from r2u_rec.errors import SettingsError, UnknownRecordError
from r2u_rec.recsys.federated.fru import Fru, along
from r2u_rec.recsys.federated.fru_log import UpdateLog, compressed
from r2u_rec.recsys.federated.rounds import FederatedTrainer, Updates


def test_a_client_keeps_the_share_of_its_rows_that_changed_most():
    owner = np.array([3, 3, 3, 3, 8, 8, 9], dtype=np.int32)
    change = torch.tensor([[1.0], [-4.0], [2.0], [3.0], [9.0], [7.0], [0.1]])
    found = compressed(Updates(np.array([3, 8, 9], dtype=np.int32), owner, np.arange(7, dtype=np.int32), change), 0.5)
    assert found.item.tolist() == [1, 3, 4, 6]  # the two largest of four, the larger of two, the only one
    assert found.owner.tolist() == [3, 3, 8, 9]
    assert found.change.flatten().tolist() == pytest.approx([-4, 3, 9, 0.1])
    assert found.clients.tolist() == [3, 8, 9]


def test_the_log_keeps_half_and_counts_its_bytes():
    whole, half = (Fru(SMALL, kept_share=share).fit(TASK, two_tastes(), seed=0).memory for share in (1.0, 0.5))
    rows = [sum(len(r.item) for r in log.rounds) for log in (whole, half)]
    assert rows[1] == pytest.approx(rows[0] / 2, rel=0.1)
    d, n_clients = 4, 8
    assert half.nbytes == 4 * d * (N_USERS + N_ITEMS) + SMALL.rounds * 4 * n_clients + rows[1] * (4 * d + 8)


def test_fitting_is_federated_training_and_the_log_adds_up_to_the_table():
    fitted = Fru(SMALL, kept_share=1.0).fit(TASK, two_tastes(), seed=0)
    trained = FederatedTrainer(SMALL).train(TASK, two_tastes(), seed=0)
    assert torch.equal(fitted.model.tables()[1], trained.tables()[1])
    total = fitted.memory.items.clone()
    for updates in fitted.memory.rounds:
        total += updates.aggregated(N_ITEMS, SMALL.aggregate)
    torch.testing.assert_close(total, trained.tables()[1].detach())


def never_in(log: UpdateLog) -> int:
    return int(np.setdiff1d(np.arange(N_USERS), np.concatenate([r.clients for r in log.rounds]))[0])


@pytest.mark.parametrize("norm", ["table", "row"])
def test_without_a_client_who_never_took_part_a_full_replay_repeats_the_training(norm):
    few = replace(SMALL, rounds=6, client_share=0.125)
    method, log = Fru(few, kept_share=1.0, calibration_share=1.0, norm=norm), two_tastes()
    before = method.fit(TASK, log, seed=0)
    nobody = never_in(before.memory)
    after = method.forget(TASK, before, log.ids_of_users([nobody]), seed=0)
    users, items = after.model.tables()
    others = np.delete(np.arange(N_USERS), nobody)
    torch.testing.assert_close(items, before.model.tables()[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(users[others], before.model.tables()[0][others], atol=1e-5, rtol=0)
    assert not users[nobody].any()


def test_the_first_round_is_what_the_server_would_have_had_from_the_others():
    method, log = Fru(replace(SMALL, rounds=1, client_share=1.0), kept_share=1.0), two_tastes()
    before = method.fit(TASK, log, seed=0)
    after = method.forget(TASK, before, log.ids_of_users([3]), seed=1)
    (sent,) = before.memory.rounds
    others = sent.owner != 3
    wanted = before.memory.items + Updates(sent.clients, sent.owner[others], sent.item[others], sent.change[others]).aggregated(
        N_ITEMS, SMALL.aggregate
    )
    torch.testing.assert_close(after.model.tables()[1].detach(), wanted)
    assert not torch.equal(after.model.tables()[1], before.model.tables()[1])


def test_who_leaves_is_nowhere_in_the_log_and_who_loses_some_records_goes_on_without_stored_rows():
    method, log = Fru(SMALL), two_tastes()
    before = method.fit(TASK, log, seed=0)
    kept = copy.deepcopy(before.memory)
    after = method.forget(TASK, before, np.union1d(log.ids_of_users([3]), log.ids_of_users([5])[:2]), seed=0)
    owners = np.concatenate([r.owner for r in after.memory.rounds])
    clients = np.concatenate([r.clients for r in after.memory.rounds])
    assert not np.isin(owners, [3, 5]).any()
    assert 3 not in clients
    assert 5 in clients
    assert not after.memory.users[3].any()
    assert torch.equal(after.memory.users[5], before.memory.users[5])
    for old, new in zip(kept.rounds, before.memory.rounds, strict=True):  # the old log is as it was
        assert torch.equal(old.change, new.change)
        assert old.owner.tolist() == new.owner.tolist()


def test_requests_in_a_row_end_where_the_joint_request_does():
    method, log = Fru(SMALL), two_tastes()
    before = method.fit(TASK, log, seed=0)
    joint = method.forget(TASK, before, log.ids_of_users([3, 7]), seed=4)
    now = method.forget(TASK, before, log.ids_of_users([7]), seed=4)
    now = method.forget(TASK, now, log.ids_of_users([3]), seed=4)
    for a, b in zip(now.model.tables(), joint.model.tables(), strict=True):
        assert torch.equal(a, b)


def test_those_who_stay_are_still_recommended_their_own_taste():
    log = two_tastes()
    for method in (
        Fru(SMALL, calibration_share=0.5),
        Fru(SMALL, calibration_share=0.5, norm="row"),
    ):
        before = method.fit(TASK, log, seed=0)
        after = method.forget(TASK, before, log.ids_of_users([3, 4]), seed=0)
        assert right_taste(after.model, log, np.delete(np.arange(N_USERS), [3, 4])) >= 0.9


def test_rounds_whose_clients_all_left_are_skipped_and_everybody_may_leave():
    method, log = Fru(replace(SMALL, rounds=5, client_share=0.07)), two_tastes()
    before = method.fit(TASK, log, seed=0)
    first = int(before.memory.rounds[0].clients[0])
    assert len(before.memory.rounds[0].clients) == 1
    assert torch.isfinite(method.forget(TASK, before, log.ids_of_users([first]), seed=0).model.tables()[1]).all()
    nobody = method.forget(TASK, before, log.ids, seed=0)
    assert torch.equal(nobody.model.tables()[1], nobody.memory.items)
    assert not nobody.model.tables()[0].any()


def test_new_directions_get_the_stored_length():
    stored, new = torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    torch.testing.assert_close(along(stored, new, "table"), torch.tensor([[0.0, 5.0], [0.0, 0.0]]))
    torch.testing.assert_close(along(stored, new, "row"), torch.tensor([[0.0, 5.0], [0.0, 0.0]]))
    torch.testing.assert_close(along(stored, torch.eye(2), "table"), torch.eye(2) * 5 / 2**0.5)
    torch.testing.assert_close(along(stored, torch.eye(2), "row"), torch.tensor([[5.0, 0.0], [0.0, 0.0]]))
    assert not along(stored, torch.zeros(2, 2), "table").any()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kept_share": 0.0}, r"kept_share must lie in \(0, 1\], got 0"),
        ({"calibration_share": 2.0}, r"calibration_share must lie in \(0, 1\], got 2"),
        ({"norm": "column"}, "norm must be one of table, row, got 'column'"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(SettingsError, match=message):
        Fru(**wrong)


def test_what_is_already_forgotten_cannot_be_forgotten_again():
    method, log = Fru(SMALL), two_tastes()
    after = method.forget(TASK, method.fit(TASK, log, seed=0), log.ids_of_users([3]), seed=0)
    with pytest.raises(UnknownRecordError, match="already forgotten"):
        method.forget(TASK, after, log.ids_of_users([3])[:1], seed=0)
