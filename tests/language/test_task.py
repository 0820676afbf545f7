"""TextTask: the loss is that of a naive loop, and hidden targets and noise are for training alone."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from language_toys import BUILDERS, N_TOKENS, batch_of, naive_losses, repadded, task_of
from torch import nn

from r2u_rec.core.protocols import Concatenates, HasChanceLoss, Regularised
from r2u_rec.errors import CapabilityError, SettingsError, UnknownRecordError
from r2u_rec.language.documents import encode_documents
from r2u_rec.language.goldfish import goldfish_mask
from r2u_rec.language.task import TextTask

kinds = pytest.mark.parametrize("kind", BUILDERS)


@kinds
def test_the_loss_is_that_of_a_naive_loop(kind, documents):
    task = task_of(BUILDERS[kind])
    some = documents.keep(documents.ids[::4])
    model = task.model(some, seed=0).eval()
    torch.testing.assert_close(task.losses(model, batch_of(task, some)), naive_losses(model, some), atol=1e-5, rtol=0)


@kinds
def test_padding_never_counts(kind, documents):
    task = task_of(BUILDERS[kind])
    model = task.model(documents, seed=0).eval()
    expected = task.losses(model, batch_of(task, documents))
    for token in (1, 77, 299):
        assert torch.equal(task.losses(model, batch_of(task, repadded(documents, token))), expected)
    batch = batch_of(task, documents)
    assert batch.mask.sum(1).tolist() == (documents.lengths - 1).tolist()


@kinds
def test_a_token_changes_no_loss_before_it(kind, documents):
    task = task_of(BUILDERS[kind])
    model = task.model(documents, seed=0).eval()
    batch = batch_of(task, documents)
    changed = batch._replace(tokens=batch.tokens.clone())
    changed.tokens[:, 3] = (changed.tokens[:, 3] + 1) % N_TOKENS
    before, after = task.token_losses(model, batch), task.token_losses(model, changed)
    assert torch.equal(before[:, :2], after[:, :2])
    assert (before[:, 2:4] != after[:, 2:4]).all()


def test_a_batch_is_cut_to_its_longest_document_and_takes_ids_in_any_order(documents):
    task = task_of()
    ids = documents.ids[documents.lengths == documents.lengths.min()][[2, 0]]
    batch = batch_of(task, documents, ids)
    assert batch.tokens.shape == (2, documents.lengths.min())
    assert batch.tokens[0].tolist() == documents.tokens[ids[0], : documents.lengths.min()].tolist()
    with pytest.raises(UnknownRecordError, match="never existed or are already forgotten"):
        batch_of(task, documents, [1000])


def test_joined_batches_have_the_losses_that_each_has_alone(documents):
    task = task_of(goldfish=documents.ids[:20], goldfish_share=0.5)
    model = task.model(documents, seed=0).train()
    short, long = (documents.ids[documents.lengths == n][:4] for n in (documents.lengths.min(), documents.lengths.max()))
    parts = [batch_of(task, documents, ids) for ids in (short, long, documents.ids[:5])]
    joined = task.losses(model, task.concatenate(parts))
    torch.testing.assert_close(joined, torch.cat([task.losses(model, part) for part in parts]), atol=1e-6, rtol=0)


def test_the_task_offers_what_the_core_asks_for(documents):
    task = task_of()
    assert isinstance(task, Concatenates)
    assert isinstance(task, HasChanceLoss)
    assert not isinstance(task, Regularised)
    rng = np.random.default_rng(0)
    task.batch(documents, documents.ids, rng=rng)
    assert rng.random() == np.random.default_rng(0).random()  # a text task draws nothing


class Blank(nn.Module):
    """Every token is equally likely; it gives the logits themselves."""

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return torch.zeros(*input_ids.shape, N_TOKENS)


def test_chance_is_the_loss_of_a_model_that_knows_nothing(documents):
    task = task_of(lambda records, seed: Blank())
    losses = task.losses(task.model(documents, seed=0), batch_of(task, documents))
    torch.testing.assert_close(losses, torch.full((48,), task.chance(documents)))
    assert task.chance(documents) == math.log(N_TOKENS)


def test_hidden_targets_of_named_documents_teach_nothing_while_training(documents):
    documents = documents.keep(documents.ids[:24])
    named = documents.ids[10:20]
    task = task_of(goldfish=named, goldfish_share=0.5)
    model = task.model(documents, seed=0)
    batch = batch_of(task, documents)
    hidden = np.zeros_like(documents.tokens, dtype=bool)
    hidden[10:20] = goldfish_mask(documents.tokens[10:20], 0.5)
    inside = np.arange(documents.length) < documents.lengths[:, None]
    assert 20 < (hidden & inside).sum() < 70
    torch.testing.assert_close(task.losses(model.train(), batch), naive_losses(model, documents, ~hidden), atol=1e-5, rtol=0)
    full = naive_losses(model, documents)
    torch.testing.assert_close(task.losses(model.eval(), batch), full, atol=1e-5, rtol=0)
    moved = (task.losses(model.train(), batch) - full).abs() > 1e-4
    assert moved[10:20].sum() >= 8
    assert not moved[:10].any()
    assert not moved[20:].any()


def test_a_document_whose_every_target_is_hidden_has_the_loss_zero_and_no_gradient(documents):
    task = task_of()
    model = task.model(documents, seed=0).train()
    batch = batch_of(task, documents, documents.ids[:1])
    loss = task.losses(model, batch._replace(hidden=torch.ones_like(batch.hidden)))
    loss.sum().backward()
    assert float(loss.detach()) == 0
    assert all(float(p.grad.abs().max()) == 0 for p in model.parameters())


def test_the_goldfish_mask_hides_its_share_and_is_a_function_of_the_text_alone():
    tokens = np.random.default_rng(0).integers(0, 2000, (400, 64))
    mask = goldfish_mask(tokens, 0.25)
    assert abs(mask[:, 1:].mean() - 0.25) < 0.01  # 25,200 draws: four standard errors
    assert not mask[:, 0].any()
    assert (goldfish_mask(tokens, 0.25) == mask).all()
    moved = np.concatenate([np.full((400, 5), 9), tokens], 1)
    assert (goldfish_mask(moved, 0.25)[:, 5 + 13 :] == mask[:, 13:]).all()  # the same passage five tokens later
    assert (goldfish_mask(tokens[:, ::-1], 0.25) != mask).any()
    assert (mask <= goldfish_mask(tokens, 0.6)).all()
    assert not goldfish_mask(tokens, 0.0).any()


def test_whether_a_token_is_hidden_depends_on_the_thirteen_before_it_alone():
    tokens = np.random.default_rng(0).integers(0, 2000, (400, 64))
    changed = tokens.copy()
    changed[:, 20] += 1
    differs = (goldfish_mask(tokens, 0.5) != goldfish_mask(changed, 0.5)).mean(0)
    assert differs[:21].max() == 0
    assert differs[21 : 21 + 13].min() > 0.3
    assert differs[21 + 13 :].max() == 0


@pytest.mark.parametrize(("share", "context"), [(1.0, 13), (-0.1, 13)])
def test_a_goldfish_share_outside_its_bounds_is_refused(share, context):
    with pytest.raises(SettingsError, match=rf"the share of hidden tokens must lie in \[0, 1\), got {share}"):
        goldfish_mask(np.ones((1, 4), dtype=np.int64), share, context)


def test_a_goldfish_context_below_one_is_refused():
    with pytest.raises(SettingsError, match="context must be >= 1, got 0"):
        goldfish_mask(np.ones((1, 4), dtype=np.int64), 0.25, 0)


class Listens(nn.Module):
    """Keeps the embeddings that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(N_TOKENS, 64)
        self.heard: torch.Tensor | None = None

    def get_input_embeddings(self) -> nn.Embedding:
        return self.table

    def forward(self, input_ids=None, inputs_embeds=None) -> SimpleNamespace:
        self.heard = inputs_embeds
        embedded = self.table(input_ids) if inputs_embeds is None else inputs_embeds
        return SimpleNamespace(logits=embedded @ self.table.weight.T)


def test_noise_reaches_the_embeddings_of_named_documents_while_training_and_no_farther_than_it_may(documents):
    named = documents.ids[5:9]
    task = task_of(lambda records, seed: Listens(), neftune=named, neftune_alpha=5.0)
    model = task.model(documents, seed=0)
    batch = batch_of(task, documents)
    task.losses(model.eval(), batch)
    assert model.heard is None
    torch.manual_seed(1)
    task.losses(model.train(), batch)
    noise = (model.heard - model.table(batch.tokens)).detach()  # (48, L, 64)
    assert noise[:5].abs().max() == noise[9:].abs().max() == 0
    reach = 5.0 / np.sqrt(documents.lengths[5:9] * 64)
    largest = noise[5:9].abs().amax((1, 2)).numpy()
    assert (largest <= reach * (1 + 1e-5)).all()
    assert (largest > 0.98 * reach).all()
    heard = model.heard
    torch.manual_seed(1)
    task.losses(model, batch)
    assert torch.equal(model.heard, heard)


@kinds
def test_noise_changes_the_losses_of_real_models_for_named_documents_alone(kind, documents):
    task = task_of(BUILDERS[kind], neftune=documents.ids[:6])
    model = task.model(documents, seed=0).train()
    batch = batch_of(task, documents)
    found, quiet = task.losses(model, batch), task.losses(model.eval(), batch)
    assert (found[:6] - quiet[:6]).abs().min() > 1e-4
    torch.testing.assert_close(found[6:], quiet[6:], atol=1e-5, rtol=0)


def test_noise_needs_a_model_that_shows_its_embeddings(documents):
    task = task_of(lambda records, seed: Blank(), neftune=documents.ids)
    with pytest.raises(CapabilityError, match=r"neftune needs a model with get_input_embeddings\(\), Blank has none: use neftune=None"):
        task.losses(Blank().train(), batch_of(task, documents))


@kinds
def test_documents_that_do_not_fit_the_model_are_refused(kind, documents, tokenizer):
    with pytest.raises(SettingsError, match="documents of 40 tokens do not fit a model of 16 positions: encode them with length=16"):
        task_of(BUILDERS[kind]).model(encode_documents(["wave " * 50], tokenizer, 40), seed=0)
    with pytest.raises(SettingsError, match="the documents hold token 299, the model has 300 and vocab_size is 299"):
        TextTask(BUILDERS[kind], 0, 299).model(repadded(documents, 299), seed=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pad_id": 300}, r"pad_id must lie in 0\.\.vocab_size-1 and vocab_size be >= 2, got 300 and 300"),
        ({"goldfish_share": 1.0}, r"goldfish_share must lie in \[0, 1\), got 1.0"),
        ({"neftune_alpha": 0.0}, "neftune_alpha must be > 0, got 0.0: neftune=None adds no noise"),
    ],
)
def test_settings_outside_their_bounds_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        TextTask(**({"build": BUILDERS["gpt2"], "pad_id": 0, "vocab_size": N_TOKENS} | settings))
