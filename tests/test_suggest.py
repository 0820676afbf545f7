"""A message about an unknown name names the nearest known one and the others there are."""

from __future__ import annotations

import pytest

from r2u_rec.suggest import MOST_NAMES, choices, suggest, unknown


def test_the_nearest_name_is_suggested_and_nothing_when_none_is_near():
    assert suggest("lightgnc", ["mf", "lightgcn"]) == "; did you mean 'lightgcn'?"
    assert suggest("zzz", ["mf", "lightgcn"]) == ""


def test_the_last_part_of_a_dotted_name_finds_it():
    assert suggest("sed", ["data.path", "audit.seed"]) == "; did you mean 'audit.seed'?"


def test_values_that_are_no_text_are_compared_by_their_text():
    assert suggest(None, {"none": 1}) == "; did you mean 'none'?"


def test_a_lower_cutoff_suggests_what_is_less_alike():
    assert (suggest("><", [">="]), suggest("><", [">="], cutoff=0.4)) == ("", "; did you mean '>='?")


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        ("newtn", ["newton", "retrain"], "unknown method 'newtn'; did you mean 'newton'? there are newton, retrain"),
        ("zzz", ["newton", "retrain"], "unknown method 'zzz'; there are newton, retrain"),
        ("zzz", [], "unknown method 'zzz'; there are none"),
    ],
)
def test_the_message_names_the_value_the_remedy_and_the_choice(name, known, message):
    assert unknown("method", name, known) == message


def test_a_long_list_is_cut_but_searched_whole():
    known = [f"{letter * 4}" for letter in "abcdefghijklmnopqrstuvwxyzäöü"]
    text = choices("üüü", known)
    assert text.startswith("; did you mean 'üüüü'? there are aaaa, ")
    assert text.endswith(", ...")
    assert text.count(", ") == MOST_NAMES
