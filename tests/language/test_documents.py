"""Documents: what is encoded comes back, padding stands behind the end, and ids name rows for ever."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language_toys import TEXTS

from r2u_rec.errors import DataError, SettingsError, UnknownRecordError
from r2u_rec.language.documents import decode, encode_documents
from r2u_rec.language.texts import Texts


def test_texts_come_back_as_they_were(tokenizer, documents):
    assert decode(documents, tokenizer) == list(TEXTS.text)
    assert documents.group_names == ("sea", "sky", "land")
    assert [documents.group_names[code] for code in documents.groups] == list(TEXTS.group)
    assert documents.ids.tolist() == list(range(48))


@given(text=st.text(min_size=1).filter(str.strip))
@settings(max_examples=60, deadline=None)
def test_any_text_comes_back(tokenizer, text):
    assert decode(encode_documents([text], tokenizer, 4 * len(text) + 2), tokenizer) == [text]


def test_a_text_ends_with_the_end_token_and_then_padding_unless_it_is_cut(tokenizer):
    cut = encode_documents(["wave wave salt", "wave " * 50], tokenizer, 12)
    short, long = cut.tokens
    n = cut.lengths[0]
    assert short[n - 1] == tokenizer.eos_token_id
    assert short[n:].tolist() == [tokenizer.pad_token_id] * (12 - n)
    assert cut.lengths[1] == 12
    assert tokenizer.eos_token_id not in long
    assert cut.tokens.dtype == np.int32
    assert cut.lengths.dtype == np.int64


def test_packing_loses_nothing_and_never_crosses_groups(tokenizer):
    packed = encode_documents(TEXTS, tokenizer, 10, pack=True)
    assert set(packed.lengths[packed.lengths < 10].tolist()) <= set(range(2, 10))
    assert (packed.lengths < 10).sum() <= 3
    for group in ("sea", "sky", "land"):
        blocks = packed.keep(packed.ids_of_groups([group]))
        stream = [int(t) for row, n in zip(blocks.tokens, blocks.lengths, strict=True) for t in row[:n]]
        one = [text for text, own in zip(TEXTS.text, TEXTS.group, strict=True) if own == group]
        whole = [t for text in one for t in [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]]
        assert stream == whole[: len(stream)]
        assert len(whole) - len(stream) <= 1


def test_groups_may_be_given_and_plain_texts_have_one(tokenizer):
    assert encode_documents(["a b", "c d"], tokenizer, 8).group_names == ("all",)
    given_names = encode_documents(["a b", "c d"], tokenizer, 8, groups=["y", "x"])
    assert given_names.group_names == ("y", "x")
    assert given_names.ids_of_groups("x").tolist() == [1]


def test_keeping_and_dropping_leave_ids_and_rows_together(documents):
    ids = np.array([40, 3, 17])
    kept = documents.keep(ids)
    assert kept.ids.tolist() == [3, 17, 40]
    assert kept.tokens.tolist() == documents.tokens[[3, 17, 40]].tolist()
    left = documents.drop(ids)
    assert len(left) == 45
    assert left.positions(np.array([4, 2])).tolist() == [3, 2]
    assert left.lengths.tolist() == np.delete(documents.lengths, ids).tolist()
    assert left.keep(documents.ids_of_groups(["sky"])[2:]).groups.tolist() == [1] * 14
    for ask in (left.keep, left.drop, left.positions):
        with pytest.raises(UnknownRecordError, match="never existed or are already forgotten"):
            ask(np.array([17]))


def test_a_group_that_is_not_there_is_named(documents):
    assert documents.ids_of_groups(["land", "sea"]).tolist() == [*range(16), *range(32, 48)]
    with pytest.raises(SettingsError, match="unknown group 'fire'; there are sea, sky, land"):
        documents.ids_of_groups(["sea", "fire"])


def test_what_cannot_be_encoded_is_refused(tokenizer):
    with pytest.raises(DataError, match=r"2 of 4 texts are blank, the first at \[1, 3\]: leave them out"):
        encode_documents(["a", " ", "b", "\n"], tokenizer, 8)
    with pytest.raises(SettingsError, match="length must be >= 2, got 1"):
        encode_documents(["a"], tokenizer, 1)
    with pytest.raises(SettingsError, match="groups must name each of the 2 texts, got 1 names"):
        encode_documents(["a", "b"], tokenizer, 8, groups=["x"])
    with pytest.raises(SettingsError, match="has no end-of-text token"):
        encode_documents(["a"], SimpleNamespace(eos_token_id=None), 8)


def test_documents_of_unequal_parts_are_refused(documents):
    with pytest.raises(DataError, match=r"got 48 ids, tokens \(48, 16\), 47 lengths, 48 groups"):
        replace(documents, lengths=documents.lengths[1:])
    with pytest.raises(DataError, match=r"lengths must lie in 2\.\.16, got 1\.\.1: a document of one token has nothing to predict"):
        replace(documents, lengths=np.ones(48, dtype=np.int64))


def test_no_texts_make_no_documents(tokenizer):
    assert len(encode_documents(Texts((), ()), tokenizer, 8)) == 0
    assert len(encode_documents([], tokenizer, 8, pack=True)) == 0
