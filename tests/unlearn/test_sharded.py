"""Sharded training against its promises: bit for bit what training without the forgotten gives, and nothing else trained again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from unlearn_toys import Measurements, Regress, Solver, Table, measurements

from r2u_rec.core.trainer import GradientTrainer, SupportsWarmStart
from r2u_rec.core.training import Training, fit_
from r2u_rec.errors import CapabilityError, SettingsError, UnknownRecordError
from r2u_rec.simulation.cost_model import TouchesShards
from r2u_rec.unlearn.partition import ByRecord
from r2u_rec.unlearn.sharded import Sharded
from r2u_rec.unlearn.slices import slice_epochs

RECORDS = measurements(90)
TRAINER = GradientTrainer(Training(epochs=4, batch_size=16, lr=0.05, schedule="linear", average_share=0.5))


@dataclass(frozen=True)
class Sampling(Regress):
    """The regression with a start that the seed decides, and a loss that is weighted at random."""

    def model(self, records: Measurements, *, seed: int) -> Table:
        model = Table()
        nn.init.normal_(model.rows, generator=torch.Generator().manual_seed(seed))
        return model

    def batch(self, records: Measurements, ids: Any, *, rng: np.random.Generator) -> Any:
        return super().batch(records, ids, rng=rng), torch.from_numpy(rng.random(len(ids)))

    def losses(self, model: Table, batch: Any) -> torch.Tensor:
        return super().losses(model, batch[0]) * batch[1]


@dataclass(frozen=True)
class Watched:
    """A gradient trainer that writes down each fit: (part, ids, epochs, seed, start, end)."""

    trainer: GradientTrainer = TRAINER
    fits: list[Any] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        return self.trainer.epochs

    def train(self, task: Any, records: Any, *, seed: int) -> nn.Module:
        raise AssertionError("a trainer that goes on is asked to go on")

    def train_on_(self, task: Any, records: Any, model: nn.Module, *, seed: int, epochs: int | None = None, part: str = "") -> None:
        start = state(model)
        self.trainer.train_on_(task, records, model, seed=seed, epochs=epochs, part=part)
        self.fits.append((part, records.ids.tolist(), epochs, seed, start, state(model)))


class Mean(nn.Module):
    def __init__(self, models: Any, held: Any) -> None:
        super().__init__()
        self.shards, self.held = nn.ModuleList(models), held


def mean_of(task: Any, models: Any, parts: Any, *, seed: int) -> Mean:
    return Mean(models, [part.ids.tolist() for part in parts])


@dataclass(frozen=True)
class Learned:
    """Deals by rank among the targets: where a record goes depends on the others."""

    depends_on_data: bool = True

    def __call__(self, records: Measurements, n_parts: int, rng: np.random.Generator) -> Any:
        return np.argsort(np.argsort(records.targets[:, 0])) % n_parts


def state(model: nn.Module) -> bytes:
    return b"".join(value.numpy().tobytes() for value in model.state_dict().values())


def sharded(shards: int = 3, slices: int = 4, **settings: Any) -> Sharded:
    return Sharded(**{"inner": Watched(), "partition": ByRecord(), "aggregate": mean_of, "shards": shards, "slices": slices} | settings)


def everything(fitted: Any) -> Any:
    m = fitted.memory
    kept = [[{k: v.numpy().tobytes() for k, v in s.items()} for s in states] for states in m.checkpoints]
    own = [(state(model), model.attached_to.tolist(), model.training) for model in m.models]
    return own, kept, m.shard_of.tolist(), m.slice_of.tolist(), m.seed, state(fitted.model), fitted.model.held, fitted.records.ids.tolist()


REQUESTS = {"one": [[41]], "many": [list(range(1, 60, 4))], "a stream": [[41], [3, 171], [1]]}
LAYOUTS = [(1, 1), (3, 1), (1, 4), (3, 4)]


@pytest.mark.parametrize(("shards", "slices"), LAYOUTS)
@pytest.mark.parametrize("request_name", REQUESTS)
def test_forgetting_equals_training_on_what_remains_bit_for_bit(shards, slices, request_name):
    method, task = sharded(shards, slices), Sampling()
    assert method.exact
    now = method.fit(task, RECORDS, seed=3)
    for ids in REQUESTS[request_name]:
        now = method.forget(task, now, ids, seed=99)
    again = method.fit(task, RECORDS.drop(np.concatenate(REQUESTS[request_name])), seed=3)
    assert everything(now) == everything(again)


def test_shards_and_slices_may_be_empty_and_may_become_empty():
    method, task, records = sharded(5, 2), Sampling(), RECORDS.keep(RECORDS.ids[:6])
    now = method.fit(task, records, seed=2)
    assert now.memory.shard_of.tolist() == [2, 1, 1, 0, 0, 2]
    assert now.memory.slice_of.tolist() == [0, 1, 1, 1, 0, 1]
    assert [fit[0] for fit in method.inner.fits] == [f"shard {a} slice {b}" for a, b in ((1, 1), (1, 2), (2, 2), (3, 1), (3, 2))]
    for ids in (records.ids[1:3], records.ids[[4]]):  # the second shard, the first slice of the first shard
        now = method.forget(task, now, ids, seed=0)
        assert everything(now) == everything(method.fit(task, now.records, seed=2))


def test_a_shard_is_trained_on_its_slices_so_far_each_time_from_where_it_stood():
    method = sharded()
    fitted = method.fit(Sampling(), RECORDS, seed=0)
    fits = iter(method.inner.fits)
    for shard in range(3):
        held: set[int] = set()
        before = None
        for at, epochs in enumerate((1, 2, 1, 2)):  # 8 / 5 each, fractions carried over
            held |= set(RECORDS.ids[(fitted.memory.shard_of == shard) & (fitted.memory.slice_of == at)].tolist())
            part, ids, n, _, start, end = next(fits)
            assert (part, set(ids), n) == (f"shard {shard + 1} slice {at + 1}", held, epochs)
            assert before is None or start == before
            before = end
        assert state(fitted.memory.models[shard]) == before
    assert len({fit[3] for fit in method.inner.fits}) == 12  # no seed is used twice


def test_only_the_slices_from_the_first_one_touched_are_trained_again_and_nothing_else_changes():
    method, task = sharded(), Sampling()
    before = method.fit(task, RECORDS, seed=0)
    untouched = everything(before)
    memory = before.memory
    two = [np.flatnonzero((memory.shard_of == shard) & (memory.slice_of == at))[0] for shard, at in ((0, 2), (0, 3), (2, 1))]
    method.inner.fits.clear()
    after = method.forget(task, before, RECORDS.ids[two], seed=1)
    assert [fit[0] for fit in method.inner.fits] == [f"shard {a} slice {b}" for a, b in ((1, 3), (1, 4), (3, 2), (3, 3), (3, 4))]
    assert after.memory.models[1] is memory.models[1]
    assert [len(states) for states in after.memory.checkpoints] == [3, 3, 3]
    assert after.memory.checkpoints[1] == memory.checkpoints[1]
    assert after.memory.checkpoints[0][:2] == memory.checkpoints[0][:2]
    assert after.memory.checkpoints[2][:1] == memory.checkpoints[2][:1]
    assert everything(before) == untouched


def test_the_touched_share_is_what_a_request_then_trains_on_again():
    method, task = sharded(), Sampling()
    assert isinstance(method, TouchesShards)
    before = method.fit(task, RECORDS, seed=0)
    total = work(method.inner.fits)
    for ids in ([41], [3, 5, 7], RECORDS.ids[8:50]):
        method.inner.fits.clear()
        share = method.touched_share(before, ids)
        assert method.inner.fits == []
        method.forget(task, before, ids, seed=0)
        assert share == work(method.inner.fits) / total
        assert 0 < share < 1
    assert method.touched_share(before, []) == 0
    with pytest.raises(UnknownRecordError):
        method.touched_share(before, [42])


def work(fits: Any) -> int:
    return sum(len(ids) * epochs for _, ids, epochs, *_ in fits)


def test_with_a_partition_learned_from_data_forgetting_is_approximate_and_the_others_stay_where_they_were():
    method, task = sharded(partition=Learned(), slicing=ByRecord()), Sampling()
    assert not method.exact
    lowest = RECORDS.ids[[RECORDS.targets[:, 0].argmin()]]  # all others move up when it is gone
    before = method.fit(task, RECORDS, seed=0)
    after = method.forget(task, before, lowest, seed=0)
    stay = RECORDS.ids != lowest
    assert after.memory.shard_of.tolist() == before.memory.shard_of[stay].tolist()
    assert everything(after) != everything(method.fit(task, after.records, seed=0))


@pytest.mark.parametrize(
    ("settings", "exact"),
    [
        ({}, True),
        ({"partition": Learned()}, False),
        ({"partition": lambda records, n_parts, rng: np.zeros(len(records), int)}, False),  # says nothing of itself
        ({"slicing": Learned()}, False),
        ({"partition": Learned(), "slicing": ByRecord(), "shards": 1}, True),  # never asked for shards
        ({"partition": Learned(), "shards": 1}, False),  # but for slices
        ({"slicing": Learned(), "slices": 1}, True),
    ],
)
def test_it_is_exact_only_where_every_partition_in_use_says_so(settings, exact):
    assert sharded(**settings).exact is exact


def test_a_partition_that_denies_depending_on_data_is_found_out():
    with pytest.raises(SettingsError, match="partition Learned says depends_on_data=False and deals every second record otherwise"):
        sharded(partition=Learned(depends_on_data=False)).fit(Sampling(), RECORDS, seed=0)


def test_memory_counts_a_model_for_each_shard_and_slice():
    model = (7 * 4 + 1) * 8  # Table
    for shards, slices in ((3, 4), (3, 1)):
        assert sharded(shards, slices).fit(Sampling(), RECORDS, seed=0).memory.nbytes == shards * slices * model + 2 * 4 * len(RECORDS)


@pytest.mark.parametrize("slices", [1, 2, 3, 5, 9])
def test_epochs_of_slices_make_the_work_of_a_whole_training(slices):
    epochs = slice_epochs(3 * (slices + 1), slices)
    assert epochs == (6,) * slices
    assert sum(n * (at + 1) / slices for at, n in enumerate(epochs)) == pytest.approx(3 * (slices + 1))
    assert abs(sum(slice_epochs(20, slices)) - 40 * slices / (slices + 1)) < 1
    with pytest.raises(SettingsError, match=f"too few for slices={2 * slices}.* raise epochs to {slices + 1} or lower slices"):
        slice_epochs(slices, 2 * slices)
    assert min(slice_epochs(slices + 1, 2 * slices)) == 1


def test_a_trainer_that_cannot_go_on_serves_shards_of_one_slice():
    method, task = Sharded(Solver(), ByRecord(), mean_of, shards=3), Regress()
    fitted = method.fit(task, RECORDS, seed=0)
    for shard, model in enumerate(fitted.memory.models):
        part = RECORDS.keep(RECORDS.ids[fitted.memory.shard_of == shard])
        assert torch.equal(model.rows, Solver().train(task, part, seed=0).rows)
    assert 0 < method.touched_share(fitted, [41]) < 0.5
    assert everything(method.forget(task, fitted, [41], seed=0)) == everything(method.fit(task, RECORDS.drop([41]), seed=0))
    with pytest.raises(CapabilityError, match="slices=2 needs a trainer that can continue from a model, Solver cannot: set slices=1"):
        Sharded(Solver(), ByRecord(), mean_of, slices=2)


def test_a_gradient_trainer_goes_on_from_the_weights_it_is_given():
    trainer, task = GradientTrainer(Training(epochs=3, batch_size=8, lr=0.05)), Sampling()
    assert isinstance(trainer, SupportsWarmStart)
    whole, found = trainer.train(task, RECORDS, seed=5), task.model(RECORDS, seed=5)
    trainer.train_on_(task, RECORDS, found, seed=5)
    assert state(found) == state(whole)
    wanted = task.model(RECORDS, seed=5)
    for epochs, seed in ((3, 5), (2, 6)):
        fit_(wanted, task, RECORDS, training=replace(trainer.training, epochs=epochs), seed=seed)
    trainer.train_on_(task, RECORDS, found, seed=6, epochs=2)
    assert state(found) == state(wanted) != state(whole)
    assert not hasattr(found, "attached_to")


def test_an_interrupted_training_goes_on_from_the_checkpoint_of_its_own_slice_and_leaves_no_file(tmp_path):
    batches = iter(range(6))

    class Stop(Sampling):
        def losses(self, model, batch):
            if next(batches, None) is None:
                raise RuntimeError("power cut")
            return super().losses(model, batch)

    training = Training(epochs=3, batch_size=16, lr=0.05, checkpoint_seconds=0)
    method = sharded(2, 2, inner=GradientTrainer(training, checkpoint=tmp_path / "run.pt"))
    with pytest.raises(RuntimeError, match="power cut"):
        method.fit(Stop(), RECORDS, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["run shard 1 slice 2.pt"]
    resumed = method.fit(Sampling(), RECORDS, seed=0)
    assert list(tmp_path.iterdir()) == []
    assert everything(resumed) == everything(sharded(2, 2, inner=GradientTrainer(training)).fit(Sampling(), RECORDS, seed=0))


def test_what_cannot_be_done_is_refused():
    for name in ("shards", "slices"):
        with pytest.raises(SettingsError, match=f"{name} must be >= 1, got 0"):
            sharded(**{name: 0})
    with pytest.raises(SettingsError, match="epochs=4 are too few for slices=8"):
        sharded(slices=8)
    method, task = sharded(), Sampling()
    with pytest.raises(SettingsError, match="there are 0 records to train on"):
        method.fit(task, RECORDS.keep([]), seed=0)
    fitted = method.fit(task, RECORDS, seed=0)
    assert method.forget(task, fitted, [], seed=0) is fitted
    with pytest.raises(SettingsError, match="all 90 records are to be forgotten and none would be left"):
        method.forget(task, fitted, RECORDS.ids, seed=0)
    for ids in ([0], [41, 1000]):
        with pytest.raises(UnknownRecordError):
            method.forget(task, fitted, ids, seed=0)
