"""No personal string survives the masking, whatever case and spacing it comes in, and what is common stays readable."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2u_rec.errors import SettingsError
from r2u_rec.language.masking import CONTINUED, common_words, mask_pieces, mask_tokens, personal_spans

ALLOWED = frozenset(
    [
        "the",
        "a",
        "is",
        "my",
        "and",
        "for",
        "please",
        "call",
        "or",
        "send",
        "it",
        "to",
        "do",
        "not",
        "think",
        "these",
        "are",
        "required",
        "by",
        "at",
        "meeting",
        "with",
        "report",
        "don",
    ]
)


def mask_personal(text, allowed, **options):
    """The text with a mark in place of each personal span."""
    out, at = "", 0
    for span in personal_spans(text, allowed, **options):
        out += text[at : span.start] + span.mark
        at = span.end
    return out + text[at:]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("login: pallen pw: ke9davis the report", "login: [secret] pw: [secret] the report"),
        ("the login is pallen and the password = a b", "the login is [secret] [word] = [secret] [word]"),
        ("password swordfish", "[word] [secret]"),
        ("login / password : pallen / opensesame", "[word] / [word] : [secret]"),
        ("user id : 4711 x", "[word] [word] : [secret] [word]"),
        ("send it to john.doe@enron.com please", "send it to [address] please"),
        ("send it to john . doe @ enron . com", "send it to [address]"),
        ("the report at http : / / www . enron . com / x", "the report at [address] . [word] . [word] / [word]"),
        ("please call ( 713 ) 853 - 6161 or 7", "please call ( [number] or [number]"),
        ("please call Jeff Skilling", "please call [name] [name]"),
        ("Please call jeff", "Please call [word]"),
        ("Jeff is required", "[name] is required"),
        ("Jeff's report", "[name] report"),
        ("I don't think it is required", "I don't think it is required"),
        ("meeting with José Nuñez", "meeting with [name] [name]"),
        ("", ""),
    ],
)
def test_personal_strings_are_replaced_and_common_words_stay(text, shown):
    keys = ALLOWED | {"login", "pw"} if text.startswith(("login:", "the login")) else ALLOWED
    assert mask_personal(text, keys) == shown


def test_capitals_alone_are_masked_when_words_in_lower_case_are_not_to_be():
    assert mask_personal("quarterly figures by Jeff . Kay knows", ALLOWED, lower_case=False) == "quarterly figures by [name] . [name] knows"


SECRETS = st.sampled_from(["jeff", "Skilling", "ke9davis", "j.doe@enron.com", "713-853-6161", "pallen"])
WORDS = st.sampled_from(sorted(ALLOWED))


@given(st.lists(st.one_of(SECRETS, WORDS), max_size=12), st.integers(1, 5))
def test_no_secret_survives_in_any_order_in_whole_texts_nor_in_tokens_cut_anywhere(words, width):
    text = " ".join(words)
    pieces = [text[at : at + width] for at in range(0, len(text), width)]
    for shown in (mask_personal(text, ALLOWED), "".join(mask_pieces(pieces, ALLOWED))):
        assert not any(secret in shown for secret in ("jeff", "Skilling", "davis", "doe", "enron", "713", "853", "6161", "pallen"))
    spans = personal_spans(text, ALLOWED)
    assert all(a.end <= b.start for a, b in pairwise(spans))


def test_tokens_stay_aligned_and_a_mark_stands_at_the_first_token_of_its_string():
    pieces = ["the", " re", "port", " by", " Sk", "ill", "ing", " .", " please"]
    assert mask_pieces(pieces, ALLOWED) == ["the", " re", "port", " by", " [name]", CONTINUED, CONTINUED, " .", " please"]
    assert mask_pieces(["login: pa", "llen is"], ALLOWED) == ["[word]: [secret]", CONTINUED + " is"]


def test_offsets_may_leave_gaps_as_tokenizers_that_drop_spaces_do():
    assert mask_tokens("call Jeff now", [(0, 4), (5, 7), (7, 9), (9, 9)], ALLOWED) == ["call", "[name]", CONTINUED, ""]


@pytest.mark.parametrize("offsets", [[(0, 99)], [(3, 2)], [(2, 3), (0, 1)]])
def test_offsets_of_another_text_are_refused(offsets):
    with pytest.raises(SettingsError, match=r"offsets must ascend within the 4 characters, got \(\d+, \d+\) after \d"):
        mask_tokens("call", offsets, ALLOWED)


def test_common_words_are_learned_in_lower_case_and_names_that_are_words_too_are_left_out():
    texts = [
        "Yesterday the bill came . Then Bill Gates spoke of the market .",
        "He paid the market price in full .",
        "A market, by Bill .",
    ] * 3
    assert common_words(texts, min_texts=6) == {"the", "market"}
    assert "bill" in common_words(texts, min_texts=3, lower_share=0.3)
    assert "yesterday" not in common_words(texts, min_texts=1)  # never seen inside a sentence
    with pytest.raises(SettingsError, match=r"lower_share must lie in \(0, 1\], got 0"):
        common_words(texts, lower_share=0)


@pytest.mark.slow
def test_with_words_learned_from_news_next_to_no_name_in_real_addresses_is_shown(real_data):
    from r2u_rec.language.texts import load_texts

    mails = load_texts("enron").text
    allowed = common_words(load_texts("bbc-news").text)
    found = Counter(name for mail in mails for at in re.finditer(r"([a-z]+)\s?[.]\s?([a-z]+)\s?@", mail) for name in at.groups())
    names = {name for name, n in found.items() if n >= 2}
    n_names, n_shown = len(names), len(names & allowed)  # numbers alone: a failing test must not print names
    n_digits = sum(len(re.findall(r"\d|[a-z]@", mask_personal(mail, allowed))) for mail in mails[:500])
    assert n_names > 100
    assert n_shown <= 0.01 * n_names
    assert n_digits == 0
