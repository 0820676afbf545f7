"""Texts of like meaning have like embeddings, whatever they are encoded beside; groups are of equal size."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from r2u_rec.errors import CapabilityError, DataError, DownloadError, SettingsError
from r2u_rec.language.similarity import SentenceEncoder, quantiles, similarity

transformers = pytest.importorskip("transformers", reason="sentence embeddings need transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as that of all-MiniLM-L6-v2, with a tiny model that was drawn at random."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    place = tmp_path_factory.mktemp("encoder")
    vocabulary = {
        word: at for at, word in enumerate(["[PAD]", "[UNK]", "the", "court", "ruled", "judge", "said", "goal", "match", "scored"])
    }
    coder = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    coder.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=coder, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(place)
    shape = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 32}
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        transformers.BertModel(transformers.BertConfig(vocab_size=len(vocabulary), **shape)).save_pretrained(place)
    return place


def test_a_texts_embedding_is_the_mean_over_its_tokens_at_unit_length_whatever_is_beside_it(folder):
    encoder = SentenceEncoder.load(folder)
    texts = ["the court ruled", "goal", "the judge said the court ruled the match"]
    rows = encoder.encode(texts, batch_size=2)
    for text, row in zip(texts, rows, strict=True):
        with torch.no_grad():
            states = encoder.model(**encoder.tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)
        np.testing.assert_allclose(row, (states / states.norm()).numpy(), atol=1e-6)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, encoder.encode(texts, batch_size=2))


def test_what_is_beyond_the_longest_is_not_read(folder):
    encoder = SentenceEncoder.load(folder, longest=2)
    np.testing.assert_allclose(*encoder.encode(["the court ruled", "the court scored goal"]), atol=1e-6)


def test_similarity_by_hand():
    forget = np.array([[1.0, 0.0], [0.0, 1.0]])
    found = similarity(np.array([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]]), forget)
    np.testing.assert_allclose(found.mean, [0.5, 0.7, -0.5])
    np.testing.assert_allclose(found.max, [1.0, 0.8, 0.0])


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=50), st.integers(1, 4))
def test_groups_are_of_equal_size_and_ordered(values, n_groups):
    values = np.array(values)
    groups = quantiles(values, n_groups)
    sizes = np.bincount(groups, minlength=n_groups)
    assert sizes.max() - sizes.min() <= 1
    for low in range(n_groups - 1):
        assert values[groups == low].max() <= values[groups == low + 1].min()


def test_four_quantiles_by_hand():
    assert quantiles(np.array([0.3, 0.1, 0.9, 0.2, 0.8, 0.4, 0.6, 0.5])).tolist() == [1, 0, 3, 0, 3, 1, 2, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: similarity(np.ones((2, 3)), np.ones((2, 2))),
            r"one width and at least one text to forget are needed, got \(2, 3\) and \(2, 2\)",
        ),
        (lambda: similarity(np.eye(2), np.empty((0, 2))), r"at least one text to forget"),
        (lambda: similarity(np.eye(2) * 2, np.eye(2)), "embeddings must be of unit length, as SentenceEncoder.encode gives them"),
        (lambda: quantiles(np.ones(3), 4), r"n_groups must lie in \[1, 3\], the number of values, got 4"),
        (lambda: quantiles(np.array([1.0, np.nan]), 2), "values must be finite, got 1 that are not"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, message):
    with pytest.raises(SettingsError, match=message):
        call()


def test_blank_texts_missing_models_and_a_missing_library_are_told(folder, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="1 of 2 texts are blank, the first at 1: leave them out"):
        SentenceEncoder.load(folder).encode(["goal", " "])
    with pytest.raises(DownloadError, match="no sentence encoder in"):
        SentenceEncoder.load(tmp_path)
    with pytest.raises(SettingsError, match="minilm"):
        SentenceEncoder.load("minilmm")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(
        CapabilityError, match=r"comparing texts needs transformers, which is not installed: pip install 'r2u-rec\[language\]'"
    ):
        SentenceEncoder.load(folder)


@pytest.mark.slow
def test_minilm_puts_sentences_of_like_meaning_closer():
    rows = SentenceEncoder.load("minilm").encode(
        ["The court rejected the appeal.", "Judges dismissed the case.", "The striker scored twice in the final."]
    )
    assert rows.shape == (3, 384)
    assert rows[0] @ rows[1] > 0.3 > rows[0] @ rows[2]
