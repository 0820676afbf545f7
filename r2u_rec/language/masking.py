"""Personal strings replaced by neutral marks, before anything of a real person's text is shown.

A precaution for pictures, not an anonymisation: who masks still has to look. When in doubt, more is masked rather than less.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from r2u_rec.errors import SettingsError

NAME, WORD, NUMBER, ADDRESS, SECRET = "[name]", "[word]", "[number]", "[address]", "[secret]"
CONTINUED = "·"
"""What stands for each further token of a masked string."""


class Span(NamedTuple):
    """Characters start..end of a text, and the mark shown in their place."""

    start: int
    end: int
    mark: str


# Some corpora, Enron among them, have spaces around every punctuation mark: "john . doe @ company . com".
_PART = r"[\w+-]+(?:\s?[.]\s?[\w+-]+)*"
_ADDRESS = re.compile(rf"https?\s?:\s?/\s?/\s?\S+|www\s?[.]\s?\S+|(?<![\w+.-]){_PART}\s?@\s?{_PART}|@\s?\w+", re.IGNORECASE)
_KEY = r"pass\s?words?|pass\s?codes?|passwd|pwd|pw|log\s?-?\s?ins?|log\s?-?\s?ons?|user\s?-?\s?names?|user\s?-?\s?ids?"
_WEAK_KEY = r"users?|ids?|pins?|accounts?|acct|ssn"  # words of their own as well: they count with a sign behind them only
_TIE = rf"(?:\s*(?:\b(?:is|are|and|or|{_KEY}|{_WEAK_KEY})\b|[:=#/-]))+\s*"
_VALUE = r"\S+(?:\s*(?:/|&|\band\b)\s*\S+)?"
_SECRET = re.compile(rf"\b(?:{_KEY})\b(?:{_TIE}|\s+)(?P<a>{_VALUE})|\b(?:{_WEAK_KEY})\b{_TIE}(?P<b>{_VALUE})", re.IGNORECASE)
_NUMBER = re.compile(r"\w*\d(?:\w|[\s().,:/+-]{1,3}(?=\d))*")
_WORDS = re.compile(r"[^\W\d_]+(?:['’\ufffd][^\W\d_]+)*|\ufffd+")
_ALWAYS_SHOWN = frozenset({"a", "i"})


def common_words(texts: Iterable[str], *, min_texts: int = 5, lower_share: float = 0.99) -> frozenset[str]:
    """Returns the words that are safe to show: in lower case, in at least `min_texts` texts, and hardly ever written as a name.

    Learn them from texts that may be shown and write names with a capital, such as news; names of people who are in the
    news ("bill", "mark") are then told from words by how often they are capitalised inside a sentence. Learned from the texts that
    are to be masked, names that occur often would pass.

    Args:
        texts: any number.
        min_texts: at least so many texts must have the word.
        lower_share: at least this share of its occurrences inside sentences must be in lower case, in (0, 1]. With words learned
            from BBC news, of 144 names in Enron's e-mail addresses .99 lets one pass, .95 three, .9 four.

    Raises:
        SettingsError: lower_share outside (0, 1].
    """
    if not 0 < lower_share <= 1:
        raise SettingsError(f"lower_share must lie in (0, 1], got {lower_share}")
    n_texts: Counter[str] = Counter()
    lower: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for text in texts:
        found = [m for m in _WORDS.finditer(text) if not _begins_sentence(text, m.start())]
        n_texts.update({m.group().lower() for m in found if m.group().islower()})
        lower.update(m.group() for m in found if m.group().islower())
        total.update(m.group().lower() for m in found)
    return frozenset(word for word, n in n_texts.items() if n >= min_texts and lower[word] >= lower_share * total[word])


def personal_spans(text: str, allowed: frozenset[str], *, lower_case: bool = True) -> list[Span]:
    """Returns what of a text must not be shown: ascending, without overlap.

    These are e-mail and web addresses; whatever follows a word like login or password; everything with a digit in it; and
    words that are not in `allowed`.

    Args:
        text: any.
        allowed: words in lower case that may be shown, see `common_words`. A word with an apostrophe is shown too when what stands
            before it is allowed.
        lower_case: True masks words in lower case as well, which texts need that write names so (all of Enron is in lower case).
            False masks capitalised words alone. A capital at the beginning of a sentence is no excuse in either.
    """
    spans = [Span(m.start(), m.end(), ADDRESS) for m in _ADDRESS.finditer(text)]
    for m in _SECRET.finditer(text):
        spans.append(Span(*m.span("a" if m.group("a") else "b"), SECRET))
    spans += [Span(m.start(), m.end(), NUMBER) for m in _NUMBER.finditer(text)]
    for m in _WORDS.finditer(text):
        word = m.group()
        small = word.islower()
        if not ((small and not lower_case) or _shown(word.lower(), allowed)):
            spans.append(Span(m.start(), m.end(), WORD if small else NAME))
    return _without_overlap(spans)


def mask_tokens(text: str, offsets: Sequence[tuple[int, int]], allowed: frozenset[str], *, lower_case: bool = True) -> list[str]:
    """Returns one string a token to show in its place: the mark at the first token of a personal string, `CONTINUED` at its others.

    Args:
        text: what the tokens were cut from, as a whole: personal strings reach over tokens.
        offsets: (start, end) of each token in it, ascending, as tokenizers give them.
        allowed, lower_case: as `personal_spans`.

    Raises:
        SettingsError: offsets that leave the text or go back.
    """
    spans = personal_spans(text, allowed, lower_case=lower_case)
    out, last = [], 0
    for start, end in offsets:
        if not last <= start <= end <= len(text):
            raise SettingsError(f"offsets must ascend within the {len(text)} characters, got ({start}, {end}) after {last}")
        shown, at = [], start
        for span in spans:
            if span.end <= start or span.start >= end:
                continue
            shown += [text[at : max(span.start, at)], span.mark if span.start >= start else CONTINUED]
            at = min(span.end, end)
        out.append("".join(shown) + text[at:end])
        last = start
    return out


def mask_pieces(pieces: Sequence[str], allowed: frozenset[str], *, lower_case: bool = True) -> list[str]:
    """Returns `mask_tokens` of tokens that are decoded one by one and make the text when joined, as those of byte-level BPE."""
    offsets, at = [], 0
    for piece in pieces:
        offsets.append((at, at + len(piece)))
        at += len(piece)
    return mask_tokens("".join(pieces), offsets, allowed, lower_case=lower_case)


def _shown(word: str, allowed: frozenset[str]) -> bool:
    stem = re.split("['’]", word)[0]
    return word in allowed or stem in allowed or stem in _ALWAYS_SHOWN


def _begins_sentence(text: str, start: int) -> bool:
    """Whether nothing, the end of a sentence or a line break stands before the word, quotes and brackets aside."""
    before = text[max(0, start - 20) : start].rstrip(" \t\"'“‘(")
    return not before or before[-1] in ".!?:\n\r"


def _without_overlap(spans: list[Span]) -> list[Span]:
    """Returns the spans in ascending order; of two that overlap the one that begins first, made as long as both."""
    out: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if out and span.start < out[-1].end:
            out[-1] = out[-1]._replace(end=max(out[-1].end, span.end))
        else:
            out.append(span)
    return out
