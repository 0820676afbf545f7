"""DP-SGD clips every record's gradient by itself, adds the noise it says, and refuses what it cannot keep apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from core_toys import Classify, Match, gradients, pairs, points, state_bytes, step_input
from torch import nn

from r2u_rec.core.privacy.private import private
from r2u_rec.core.step import objective
from r2u_rec.core.training import Training, fit_
from r2u_rec.errors import CapabilityError, SettingsError

RECORDS = points()


def singles(s):
    """The gradient of each record and its norm, one backward pass a record."""
    for one in s.ids:
        s.model.zero_grad()
        objective(s.task, s.model, s.batch(np.array([one])))[1].sum().backward()
        found = gradients(s.model)
        yield found, math.sqrt(sum(float(g.square().sum()) for g in found.values()))


def naive(s, max_norm, batch_size):
    """The clipped mean of the gradients of single records."""
    total = {n: torch.zeros_like(p) for n, p in s.model.named_parameters()}
    for found, norm in singles(s):
        for n, g in found.items():
            total[n] += g * min(1.0, max_norm / norm)
    return {n: g / batch_size for n, g in total.items()}


class Picture(nn.Module):
    """A small convolutional network with dropout left out and group normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.out(torch.relu(self.norm(self.conv(x))).amax((2, 3)))


class Tied(nn.Module):
    """Words in, words out by the same table; positions as one row that all records share; a layer of x @ W + b."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(9, 4), nn.Embedding(5, 4)
        self.weight, self.bias = nn.Parameter(torch.randn(4, 4)), nn.Parameter(torch.zeros(4))
        self.head = nn.Linear(4, 9, bias=False)
        self.head.weight = self.words.weight

    def forward(self, x):
        h = self.words(x) + self.places(torch.arange(x.shape[1])[None])
        h = nn.functional.scaled_dot_product_attention(h, h, h, is_causal=True)
        return self.head(torch.tanh(h @ self.weight + self.bias))


@dataclass(frozen=True)
class Shapes:
    """Records whose content is drawn from their number, for any model."""

    build: type
    shape: tuple[int, ...]

    def model(self, records, *, seed):
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            return self.build()

    def batch(self, records, ids, *, rng):
        draws = [np.random.default_rng(int(i)) for i in ids]
        if self.build is Tied:
            return (torch.from_numpy(np.stack([d.integers(0, 9, self.shape) for d in draws])),)
        x = np.stack([d.normal(size=self.shape) for d in draws]).astype(np.float32)
        return torch.from_numpy(x), torch.from_numpy(np.array([d.integers(3) for d in draws]))

    def losses(self, model, batch):
        if self.build is Tied:
            (x,) = batch
            return nn.functional.cross_entropy(model(x[:, :-1]).transpose(1, 2), x[:, 1:], reduction="none").mean(1)
        return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none")


TASKS = {"points": Classify(), "tables": Match(sparse=False), "pictures": Shapes(Picture, (1, 6, 6)), "tied": Shapes(Tied, (6,))}


@pytest.mark.parametrize("vectorised", [True, False])
@pytest.mark.parametrize("kind", TASKS)
def test_without_noise_it_is_the_naive_loop_over_single_records(kind, vectorised):
    records = pairs() if kind == "tables" else RECORDS
    s, *twins = (step_input(TASKS[kind], records, n_ids=10) for _ in range(3))
    middle = float(np.median([norm for _, norm in singles(twins[0])]))  # half of the records are clipped
    wanted = naive(twins[1], middle, 16)
    terms = private(batch_size=16, max_norm=middle, noise_multiplier=0, sampling="shuffled", chunk=4, vectorised=vectorised)(s)
    for name, g in gradients(s.model).items():
        torch.testing.assert_close(g, wanted[name], atol=1e-7, rtol=1e-5)
    assert float(terms["clipped_share"]) == pytest.approx(0.5)
    assert float(terms["loss"]) == pytest.approx(float(objective(s.task, s.model, s.batch(s.ids))[1].detach().mean()), rel=1e-5)


def test_one_record_changes_the_step_by_no_more_than_the_norm_over_the_batch_size():
    ends = []
    for n_ids in (12, 13):
        s = step_input(Classify(), RECORDS, n_ids=n_ids)
        private(batch_size=13, max_norm=0.2, noise_multiplier=0, sampling="shuffled")(s)
        ends.append(torch.cat([g.flatten() for g in gradients(s.model).values()]))
    assert 0 < float((ends[1] - ends[0]).norm()) <= 0.2 / 13 + 1e-12


def test_the_noise_has_the_deviation_it_says_and_is_drawn_from_the_steps_stream():
    def noise(seed):
        s = step_input(Classify(), RECORDS, seed=seed, n_ids=10)
        wanted = naive(step_input(Classify(), RECORDS, seed=seed, n_ids=10), 0.5, 10)
        private(batch_size=10, max_norm=0.5, noise_multiplier=3.0, sampling="shuffled")(s)
        return torch.cat([(g - wanted[n]).flatten() for n, g in gradients(s.model).items()])

    drawn = torch.cat([noise(seed) for seed in range(25)])  # 25 x 52 values: their deviation is known to about 2 %
    assert float(drawn.std()) == pytest.approx(3.0 * 0.5 / 10, rel=0.1)
    assert abs(float(drawn.mean())) < 0.02
    assert torch.equal(noise(1), noise(1))
    assert not torch.allclose(noise(1), noise(2))


def test_poisson_steps_draw_each_record_by_itself_at_the_rate():
    seen = []

    class Noting(Classify):
        def batch(self, records, ids, *, rng):
            seen.extend(ids.tolist())
            return super().batch(records, ids, rng=rng)

    sizes = []
    for seed in range(40):
        before = len(seen)
        private(batch_size=8, noise_multiplier=0)(step_input(Noting(), RECORDS, seed=seed, n_ids=8))
        sizes.append(len(seen) - before)
    assert np.mean(sizes) == pytest.approx(8, abs=1.2)  # its standard error is 0.4
    assert np.var(sizes) == pytest.approx(40 * 0.2 * 0.8, rel=0.6)  # a shuffled pass would have 0
    assert set(seen) == set(RECORDS.ids.tolist())


def real_task(kind):
    """The package's own network or language model, and a few records for it."""
    if kind == "SmallCNN":
        from r2u_rec.vision import ImageSet, ImageTask, cnn

        images = ImageSet(np.arange(9), np.random.default_rng(0).integers(0, 256, (9, 1, 8, 8), dtype=np.uint8), np.arange(9) % 3, 3)
        return ImageTask(cnn()), images
    pytest.importorskip("transformers", reason="the language models are transformers'")
    from r2u_rec.language import Documents, TextTask, tiny_gpt2, tiny_llama

    build = {"tiny GPT-2": tiny_gpt2, "tiny Llama": tiny_llama}[kind](30, 6, width=8, layers=1, heads=2)
    lengths = np.array([6, 4, 5, 6, 2, 3, 6, 6, 6])
    tokens = np.where(np.arange(6) < lengths[:, None], np.random.default_rng(0).integers(1, 30, (9, 6)), 0).astype(np.int32)
    return TextTask(build, 0, 30), Documents(np.arange(9), tokens, lengths, np.zeros(9, dtype=np.int64), ("all",))


@pytest.mark.parametrize("kind", ["SmallCNN", "tiny GPT-2", "tiny Llama"])
def test_the_packages_own_models_are_served_and_both_ways_agree(kind):
    task, records = real_task(kind)
    found = []
    for vectorised in (True, False):
        s = step_input(task, records, n_ids=9)
        private(batch_size=9, max_norm=0.3, noise_multiplier=0, sampling="shuffled", chunk=4, vectorised=vectorised)(s)
        found.append(gradients(s.model))
    for name, g in found[0].items():
        torch.testing.assert_close(g, found[1][name], atol=1e-7, rtol=1e-4)


def test_gradients_that_are_there_already_are_added_to():
    once, twice = (step_input(Classify(), RECORDS, n_ids=10) for _ in range(2))
    step = private(batch_size=10, noise_multiplier=0, sampling="shuffled")
    step(once), step(twice), step(twice)
    for name, g in gradients(twice.model).items():
        torch.testing.assert_close(g, 2 * gradients(once.model)[name])


def test_an_empty_draw_still_adds_noise():
    s = step_input(Classify(), RECORDS, n_ids=1)
    never = next(seed for seed in range(99) if not (np.random.default_rng(seed).random(40) < 1 / 40).any())
    s.rng.bit_generator.state = np.random.default_rng(never).bit_generator.state
    assert private(batch_size=1)(s) == {}
    assert float(gradients(s.model)["last.weight"].abs().min()) > 0


def test_a_fit_repeats_with_its_seed_and_learns():
    def fitted(seed, noise_multiplier=0.3):
        model = Classify().model(RECORDS, seed=0)
        step = private(batch_size=10, max_norm=1.0, noise_multiplier=noise_multiplier)
        return model, fit_(model, Classify(), RECORDS, training=Training(epochs=5, batch_size=10, lr=0.1), seed=seed, step=step)

    (a, history), (b, _), (c, _) = fitted(0), fitted(0), fitted(1)
    assert state_bytes(a) == state_bytes(b) != state_bytes(c)
    assert history.epochs[-1]["loss"] < 0.9 * history.epochs[0]["loss"]
    assert [k for k, v in vars(a).items() if "hook" in k and v and not k.startswith("_is")] == []


@pytest.mark.parametrize(
    ("task", "records", "message"),
    [
        (Classify(norm=True), RECORDS, r"layer 'norm' \(BatchNorm1d\) keeps statistics of the batch, .*: build the model without it"),
        (Match(sparse=True), pairs(), r"layer 'left' \(Embedding\) has sparse gradients, .*: build it with sparse=False"),
    ],
)
def test_models_that_cannot_be_private_are_refused_with_the_remedy(task, records, message):
    with pytest.raises(CapabilityError, match=message):
        private(batch_size=16)(step_input(task, records))


def test_what_vmap_cannot_take_is_told_with_the_remedy_and_the_remedy_works():
    class Branching(Classify):
        def objective(self, model, batch):
            losses, penalties = super().objective(model, batch)
            return losses * (1 if (batch[0] > 0).any() else 2), penalties

    with pytest.raises(CapabilityError, match=r"vmap does not take Net with Branching .*: use private\(vectorised=False\)"):
        private(batch_size=16, sampling="shuffled")(step_input(Branching(), RECORDS))
    assert private(batch_size=16, vectorised=False, sampling="shuffled")(step_input(Branching(), RECORDS))["loss"] > 0


def test_a_batch_that_is_not_one_row_a_record_is_told_with_the_remedy_and_the_remedy_works():
    class Counting(Match):
        def batch(self, records, ids, *, rng):
            return *super().batch(records, ids, rng=rng), len(ids)

        def losses(self, model, batch):
            return super().losses(model, batch[:3])

    said = r"vmap does not take Tables with Counting \(a part of a batch of 16 is not a tensor of as many rows but int\)"
    with pytest.raises(CapabilityError, match=said):
        private(batch_size=16, sampling="shuffled")(step_input(Counting(sparse=False), pairs()))
    assert private(batch_size=16, vectorised=False, sampling="shuffled")(step_input(Counting(sparse=False), pairs()))["loss"] > 0


def test_a_task_with_several_losses_a_record_is_refused():
    class Double(Match):
        def losses(self, model, batch):
            return super().losses(model, batch).repeat(2)

    with pytest.raises(CapabilityError, match="Double gives 2 losses for one record: private training needs one"):
        private(batch_size=16)(step_input(Double(sparse=False), pairs()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size must be >= 1, got 0"),
        ({"chunk": 0}, "chunk must be >= 1, got 0"),
        ({"noise_multiplier": -1}, "noise_multiplier must be >= 0, got -1"),
        ({"max_norm": math.inf}, "max_norm must be > 0 and finite, got inf: the noise is a multiple of it"),
        ({"sampling": "twice"}, "sampling must be one of poisson, shuffled, got 'twice'"),
        ({"batch_size": 8}, "private got batch_size=8, and a batch of 16: give both the Training's batch_size"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        private(**{"batch_size": 16, **settings})(step_input(Classify(), RECORDS))
