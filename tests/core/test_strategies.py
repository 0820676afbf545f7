"""Re-weighted, phased and isolated training mean what they say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from core_toys import Classify, Match, gradients, pairs, points, split_of, step_input

from r2u_rec.core.rowwise import RowwiseAdam
from r2u_rec.core.strategies import isolated, phased, reweighted, standard
from r2u_rec.errors import SettingsError

RECORDS, FORGET = points(), split_of(points()).forget


def gradient_of(step, **where):
    s = step_input(Classify(), RECORDS, n_ids=40, **where)
    terms = step(s)
    return gradients(s.model)["last.weight"], float(terms["loss"]), s


def sums():
    """Summed gradient of revocable and of stable records."""
    found = []
    for keep in (True, False):
        model = Classify().model(RECORDS, seed=3)
        ids = RECORDS.ids[np.isin(RECORDS.ids, FORGET) == keep]
        losses, penalties = Classify().objective(model, Classify().batch(RECORDS, ids, rng=None))
        (losses + penalties).sum().backward()
        found.append(model.last.weight.grad)
    return found


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_reweighted_counts_revocable_records_by_the_weight(weight):
    f, r = sums()
    torch.testing.assert_close(gradient_of(reweighted(FORGET, weight))[0], (weight * f + r) / 40, atol=1e-13, rtol=0)


def test_phased_sees_stable_records_alone_after_its_share_of_the_epochs():
    f, r = sums()
    torch.testing.assert_close(gradient_of(phased(FORGET, 0.5), epoch=4)[0], (f + r) / 40, atol=1e-13, rtol=0)
    torch.testing.assert_close(gradient_of(phased(FORGET, 0.5), epoch=5)[0], r / 40, atol=1e-13, rtol=0)


def test_phased_does_nothing_in_a_batch_of_revocable_records():
    found, loss, _ = gradient_of(phased(RECORDS.ids, 0.5), epoch=9)
    assert loss == 0
    assert found.abs().max() == 0


def test_isolated_writes_shared_parameters_from_stable_records_and_own_ones_from_all():
    _, r = sums()
    found, loss, s = gradient_of(isolated(FORGET, ("last.*",)))
    torch.testing.assert_close(found, r / 40, atol=1e-13, rtol=0)
    whole = step_input(Classify(), RECORDS, n_ids=40)
    assert loss == pytest.approx(float(standard(whole)["loss"]))
    torch.testing.assert_close(s.model.first.weight.grad, whole.model.first.weight.grad, atol=1e-13, rtol=0)


@dataclass(frozen=True)
class Relabelled:
    """The same records with other revocable content."""

    records: object
    forget: object

    def __call__(self):
        at = np.isin(self.records.ids, self.forget)
        return replace(
            self.records,
            right=np.where(at, (self.records.right + 1) % 30, self.records.right),
            label=np.where(at, -self.records.label, self.records.label),
        )


def test_shared_tables_after_isolated_training_hold_no_bit_of_what_revocable_records_say():
    records = pairs()
    forget = records.ids[records.left < 5]  # whole left rows, as a person who leaves
    tables = []
    for given in (records, Relabelled(records, forget)()):
        model = Match().model(given, seed=0)
        optimizer = RowwiseAdam(model.parameters(), lr=0.1)
        for seed in range(12):
            s = step_input(Match(), given, seed=seed, model=model)
            isolated(forget, ("right.*", "scale"))(s)
            optimizer.step()
            optimizer.zero_grad()
        tables.append((model.left.weight.detach().clone(), model.right.weight.detach().clone()))
    assert tables[0][1].numpy().tobytes() == tables[1][1].numpy().tobytes()
    stable = np.setdiff1d(np.arange(40), records.left[forget])
    assert tables[0][0][stable].numpy().tobytes() == tables[1][0][stable].numpy().tobytes()
    assert not torch.equal(tables[0][0], tables[1][0])  # own rows do learn from them


def test_isolated_with_every_parameter_shared_is_training_on_stable_records():
    _, r = sums()
    torch.testing.assert_close(gradient_of(isolated(FORGET, ("*",)))[0], r / 40, atol=1e-13, rtol=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: reweighted(FORGET, 1.5), r"weight of revocable records must lie in \[0, 1\], got 1.5"),
        (lambda: phased(FORGET, 1.0), r"must lie in \(0, 1\), got 1.0"),
        (
            lambda: isolated(FORGET, ("nothing",))(step_input(Classify(), RECORDS)),
            r"shared=\['nothing'\] matches no parameter: name some of \['first.weight'",
        ),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(SettingsError, match=message):
        make()


def test_reweighting_refuses_a_task_that_gives_one_loss_for_the_batch():
    @dataclass(frozen=True)
    class Mean(Match):
        def losses(self, model, batch):
            return super().losses(model, batch).mean(0, keepdim=True)

    with pytest.raises(SettingsError, match="one loss a record, got 1 losses for 16 records"):
        reweighted(FORGET, 0.5)(step_input(Mean(), pairs()))
