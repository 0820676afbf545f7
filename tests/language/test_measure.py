"""What is measured on documents has the value that a hand, an oracle or the construction of the model gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from r2u_rec.errors import CapabilityError, DivergenceError, EvidenceError, SettingsError
from r2u_rec.language.documents import Documents
from r2u_rec.language.measure import (
    auc_with_error,
    continuations,
    document_losses,
    extraction_strength,
    min_k,
    min_k_auc,
    perplexity,
    pooled_states,
    privleak,
    rouge_l,
    token_kl,
    token_losses,
    verbatim,
    words,
)
from r2u_rec.language.task import TextTask

V, PAD = 12, 0


class Chain(nn.Module):
    """The next token depends on the last one alone: token t is followed by t + 1, with a logit of `sure`."""

    def __init__(self, sure: float = 3.0, n: int = V) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.roll(torch.eye(n), 1, dims=1) * sure)
        self.inner = nn.Dropout(0.5)

    def forward(self, input_ids):
        return self.inner(self.table[input_ids])


def documents(*rows):
    width = max(map(len, rows))
    tokens = np.full((len(rows), width), PAD, dtype=np.int32)
    for at, row in enumerate(rows):
        tokens[at, : len(row)] = row
    n = len(rows)
    return Documents(np.arange(n) * 2 + 7, tokens, np.array([len(r) for r in rows]), np.zeros(n, dtype=np.int64), ("all",))


DOCS = documents([1, 2, 3, 4, 5, 6], [4, 5, 9], [7, 8, 3, 4], [2, 7])
RIGHT = -math.log(math.exp(3) / (math.exp(3) + V - 1))
WRONG = RIGHT + 3
TASK = TextTask(lambda docs, seed: Chain(), PAD, V)


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_token_losses_are_those_of_the_real_tokens_alone(batch_size):
    found = token_losses(Chain(), DOCS, batch_size=batch_size)
    wanted = [[RIGHT] * 5, [RIGHT, WRONG], [RIGHT, WRONG, RIGHT], [WRONG]]
    for row, want in zip(found, wanted, strict=True):
        np.testing.assert_allclose(row, want, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_document_losses_are_the_means_of_token_losses_in_eval_mode(batch_size):
    model = Chain().train()
    model.inner.eval()
    wanted = [row.mean() for row in token_losses(Chain(), DOCS)]
    np.testing.assert_allclose(document_losses(model, TASK, DOCS, batch_size=batch_size), wanted, rtol=1e-5)
    assert (model.training, model.inner.training) == (True, False)


def test_perplexity_weighs_every_token_alike():
    assert perplexity(Chain(), DOCS) == pytest.approx(math.exp((8 * RIGHT + 3 * WRONG) / 11), rel=1e-5)
    assert perplexity(Chain(sure=0), DOCS) == pytest.approx(V, rel=1e-5)
    assert perplexity(Chain(sure=9000), DOCS) == math.inf


def test_kl_by_hand_and_of_a_model_with_itself():
    p = torch.softmax(Chain().table[0].detach().double(), 0)
    assert token_kl(Chain(), Chain(sure=0), DOCS) == pytest.approx(float((p * (p * V).log()).sum()), rel=1e-6)
    assert token_kl(Chain(sure=0), Chain(), DOCS, batch_size=3) == pytest.approx(-float((p * V).log().mean()), rel=1e-6)
    assert token_kl(Chain(), Chain(), DOCS) == 0


def test_rouge_l_of_the_papers_own_example_and_by_hand():
    # Lin (2004): S1 "police killed the gunman", S2 "police kill the gunman" 3/4, S3 "the gunman kill police" 2/4.
    gold = words("Police killed the gunman.")
    assert rouge_l(words("police kill the gunman"), gold) == pytest.approx(0.75)
    assert rouge_l(words("the gunman kill police"), gold) == pytest.approx(0.5)
    assert rouge_l([1, 9, 2, 3], [1, 2, 8, 7, 3, 5]) == pytest.approx(2 * (3 / 4) * (3 / 6) / (3 / 4 + 3 / 6))
    assert rouge_l([], [1]) == rouge_l([1], []) == rouge_l([1], [2]) == 0
    assert rouge_l([4, 5], [4, 5]) == 1


def test_continuations_go_on_greedily_as_long_as_the_document_does():
    docs = documents([1, 2, 9, 4, 5], [4, 5, 6])
    assert continuations(Chain(), docs, 2) == [[3, 4, 5], [6]]
    assert continuations(Chain(), docs, 1, longest=2, batch_size=1) == [[2, 3], [5, 6]]
    np.testing.assert_allclose(verbatim(Chain(), docs, 2), [2 / 3, 1.0])  # 3 4 5 for 9 4 5
    np.testing.assert_allclose(verbatim(Chain(), docs, 1, longest=2), [0.5, 1.0])


class Letters:
    """Token t is the t-th letter as a word; 6 ends a text."""

    eos_token_id = 6

    def decode(self, tokens, skip_special_tokens):
        return " ".join("ABCDEFGHIJKL"[t] for t in tokens)


def test_verbatim_compares_words_up_to_the_end_of_the_text():
    docs = documents([1, 2, 3, 9, 5, 6, 7, 8])
    np.testing.assert_allclose(verbatim(Chain(), docs, 2, Letters()), [2 / 3])  # d e f for d j f


@pytest.mark.parametrize(("prefix", "n_short"), [(2, 1), (4, 3)])
def test_documents_that_are_not_longer_than_the_prefix_are_refused(prefix, n_short):
    with pytest.raises(SettingsError, match=rf"{n_short} of 4 documents are not longer than prefix={prefix} tokens: lower it, or keep"):
        verbatim(Chain(), DOCS, prefix)


def test_extraction_strength_is_the_share_that_need_not_be_given():
    docs = documents([1, 2, 3, 4, 5], [1, 9, 3, 4, 5], [3, 1, 2, 3, 4], [1, 2, 3, 4, 9], [1, 9, 9, 10, 11])
    # wrong targets of 4: none; 1st and 2nd; 1st; last; 1st and 2nd
    np.testing.assert_allclose(extraction_strength(Chain(), docs, batch_size=2), [1, 0.5, 0.75, 0, 0.5])
    np.testing.assert_allclose(extraction_strength(Chain(), documents([1, 2], [1, 5], [1, 2, 3])), [1, 0, 1])


def test_extraction_strength_agrees_with_greedy_continuation():
    for row, strength in zip(DOCS.tokens, extraction_strength(Chain(), DOCS), strict=True):
        row = row[row != PAD].tolist()
        one = documents(row)
        fewest = next((k for k in range(1, len(row)) if continuations(Chain(), one, k)[0] == row[k:]), len(row))
        assert strength == pytest.approx(1 - (fewest - 1) / (len(row) - 1))


def test_min_k_is_the_mean_log_probability_of_the_most_surprising_tokens():
    losses = [np.array([1.0, 5.0, 2.0, 4.0, 3.0]), np.array([0.5, 0.1])]
    np.testing.assert_allclose(min_k(losses, 0.4), [-4.5, -0.5])
    np.testing.assert_allclose(min_k(losses), [-5.0, -0.5])
    np.testing.assert_allclose(min_k(losses, 1.0), [-3.0, -0.3])


def test_the_auc_is_sklearns_and_its_standard_error_that_of_the_bootstrap():
    rng = np.random.default_rng(0)
    members, non_members = rng.normal(0.7, 1, 60).round(1), rng.normal(0, 1, 40).round(1)  # with ties
    found = auc_with_error(members, non_members)
    assert found.auc == pytest.approx(roc_auc_score([1] * 60 + [0] * 40, [*members, *non_members]))
    draws = [auc_with_error(rng.choice(members, 60), rng.choice(non_members, 40)).auc for _ in range(150)]
    assert found.standard_error == pytest.approx(np.std(draws), rel=0.2)
    assert auc_with_error(np.array([3.0, 4.0]), np.array([1.0, 2.0])).auc == 1
    assert auc_with_error(np.array([3.0, 4.0]), np.array([1.0, 2.0])).standard_error == 0


def test_documents_that_a_model_was_trained_on_are_told_and_privleak_says_so():
    members = token_losses(Chain(), documents(*([t, t + 1, t + 2] for t in range(1, 7))))
    non_members = token_losses(Chain(), documents(*([t, t + 3, t + 5] for t in range(1, 7))))
    assert min_k_auc(members, non_members).auc == 1
    assert privleak(1.0, 0.5) == -100
    assert privleak(0.5, 0.5) == 0
    assert privleak(0.0, 0.5) == 100
    assert privleak(0.6, 0.48) == pytest.approx(100 * (0.4 - 0.52) / 0.52)  # MUSE's (u - r) / r with u = 1 - AUC


def real(builder, **more):
    from r2u_rec.language import models

    docs = documents(*np.random.default_rng(0).integers(1, V, (3, 6)).tolist(), [3, 4], [5, 6, 7, 8])
    return getattr(models, builder)(V, 6, width=8, layers=2, heads=2, **more)(docs, 0), docs


@pytest.mark.parametrize("builder", ["tiny_gpt2", "tiny_llama"])
def test_on_real_models_padding_changes_nothing_and_kept_keys_and_values_neither(builder):
    pytest.importorskip("transformers", reason="the models are transformers'")
    model, docs = real(builder)
    alone = [documents(row[:n].tolist()) for row, n in zip(docs.tokens, docs.lengths, strict=True)]
    states = pooled_states(model, docs)
    assert states.shape == (5, 8)
    for at, one in enumerate(alone):
        np.testing.assert_allclose(token_losses(model, docs)[at], token_losses(model, one)[0], rtol=1e-4)
        np.testing.assert_allclose(states[at], pooled_states(model, one)[0], rtol=1e-3, atol=1e-5)
    with torch.no_grad():
        last = model(input_ids=torch.from_numpy(docs.tokens[:1].astype(np.int64)), output_hidden_states=True).hidden_states[-1]
    np.testing.assert_allclose(states[0], last[0].mean(0).numpy(), rtol=1e-4, atol=1e-6)
    long = docs.keep(docs.ids[:3])

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, input_ids):
            return self.inner(input_ids=input_ids).logits

    assert continuations(model, long, 2) == continuations(Plain(), long, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: min_k([np.ones(3)], 0), SettingsError, r"share must lie in \(0, 1\], got 0"),
        (lambda: min_k([np.ones(3), np.ones(0)]), SettingsError, "1 of 2 documents have no token losses, the first at 1"),
        (lambda: auc_with_error(np.ones(1), np.ones(5)), SettingsError, "at least 2 documents a side, got 1 and 5"),
        (lambda: privleak(1.5, 0.5), SettingsError, r"auc must lie in \[0, 1\], got 1.5"),
        (lambda: privleak(0.5, 1.0), EvidenceError, "auc_retrained is 1, so PrivLeak is not defined"),
        (lambda: perplexity(Chain(), DOCS.drop(DOCS.ids)), SettingsError, "the perplexity of 0 documents is not defined"),
        (lambda: token_kl(Chain(), Chain(), DOCS.drop(DOCS.ids)), SettingsError, "the KL divergence on 0 documents is not defined"),
        (lambda: token_kl(Chain(), Chain(n=V + 1), DOCS), SettingsError, "compared on one vocabulary, got 12 and 13 tokens"),
        (lambda: token_kl(Chain(math.nan), Chain(), DOCS), DivergenceError, "the KL divergence on 4 documents is nan"),
        (lambda: token_losses(Chain(math.nan), DOCS), DivergenceError, "4 of 4 documents have a loss that is not finite, the first is 7"),
        (lambda: token_losses(Chain(), DOCS, batch_size=0), SettingsError, "batch_size must be >= 1, got 0"),
        (lambda: continuations(Chain(), DOCS, 0), SettingsError, "prefix and longest must be >= 1, got 0 and 128"),
        (lambda: pooled_states(Chain(), DOCS), CapabilityError, "Chain gives no hidden states: it must take output_hidden_states=True"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_value_and_the_remedy(call, error, message):
    with pytest.raises(error, match=message):
        call()
