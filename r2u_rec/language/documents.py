"""Documents: texts as rows of token numbers, the records of a language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.ids import Ids, as_ids, positions_of
from r2u_rec.language.texts import Texts
from r2u_rec.language.tokenizer import padding
from r2u_rec.suggest import unknown


@dataclass(frozen=True, eq=False)
class Documents:
    """Records of a language model.

    Attributes:
        ids: (n,) int64, ascending.
        tokens: (n, L) int32 token numbers, padded at the end.
        lengths: (n,) int64 tokens of each row that are not padding, 2..L.
        groups: (n,) int64 index into `group_names`: a topic, a part, a book.
        group_names: the names, in the order of first appearance.
    """

    ids: Ids
    tokens: NDArray[np.int32]
    lengths: NDArray[np.int64]
    groups: NDArray[np.int64]
    group_names: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.ids)
        if self.tokens.ndim != 2 or {len(self.tokens), len(self.lengths), len(self.groups)} != {n}:
            raise DataError(
                f"documents need as many rows of tokens, lengths and groups as ids, got {n} ids, tokens {self.tokens.shape}, "
                f"{len(self.lengths)} lengths, {len(self.groups)} groups"
            )
        if n and not (self.lengths.min() >= 2 and self.lengths.max() <= self.tokens.shape[1]):
            raise DataError(
                f"lengths must lie in 2..{self.tokens.shape[1]}, got {self.lengths.min()}..{self.lengths.max()}: "
                "a document of one token has nothing to predict"
            )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def length(self) -> int:
        """Width L of the rows."""
        return int(self.tokens.shape[1])

    def positions(self, ids: Ids) -> NDArray[np.int64]:
        """Returns (n,) the rows of `ids` (any order); UnknownRecordError for ids that are not there."""
        return positions_of(self.ids, ids)

    def keep(self, ids: Ids) -> Self:
        """Returns the documents `ids` alone; UnknownRecordError for ids that are not there."""
        return self._rows(self.positions(as_ids(ids)))

    def drop(self, ids: Ids) -> Self:
        """Returns all documents but `ids`; UnknownRecordError for ids that are not there."""
        return self._rows(np.delete(np.arange(len(self)), self.positions(as_ids(ids))))

    def ids_of_groups(self, names: Sequence[str]) -> Ids:
        """Returns the ascending ids of the documents of the named groups.

        Raises:
            SettingsError: a name that is no group.
        """
        wanted = [names] if isinstance(names, str) else list(names)
        missing = [name for name in wanted if name not in self.group_names]
        if missing:
            raise SettingsError(unknown("group", missing[0], self.group_names))
        return self.ids[np.isin(self.groups, [self.group_names.index(name) for name in wanted])]

    def _rows(self, at: NDArray[np.int64]) -> Self:
        return replace(self, ids=self.ids[at], tokens=self.tokens[at], lengths=self.lengths[at], groups=self.groups[at])


def encode_documents(
    texts: Texts | Sequence[str], tokenizer: Any, length: int, groups: Sequence[str] | None = None, *, pack: bool = False
) -> Documents:
    """Returns the texts as documents of at most `length` tokens each; ids are 0, 1, ... in their order.

    Args:
        texts: not blank. tokenizer: of Hugging Face's kind, with an end-of-text token.
        length: width of the rows, >= 2. A text ends with the end-of-text token, unless it is cut off.
        groups: a name for each text; None takes the group of `Texts`, or "all".
        pack: False makes one document of each text and drops what is beyond `length`. True joins the texts of a group, in
            their order, and cuts them into blocks of `length`: nothing is lost, but a block, and with it a record that
            can be forgotten, then spans texts. Blocks never cross groups.

    Raises:
        SettingsError: length < 2, a tokenizer without an end-of-text token, or groups of another number.
        DataError: blank texts.
    """
    names: Sequence[str]
    texts, names = (texts.text, texts.group) if isinstance(texts, Texts) else (texts, ("all",) * len(texts))
    names = names if groups is None else groups
    if length < 2:
        raise SettingsError(f"length must be >= 2, got {length}: one token has nothing to predict")
    if len(names) != len(texts):
        raise SettingsError(f"groups must name each of the {len(texts)} texts, got {len(names)} names")
    if tokenizer.eos_token_id is None:
        raise SettingsError("the tokenizer has no end-of-text token: set tokenizer.eos_token")
    blank = [i for i, text in enumerate(texts) if not text.strip()]
    if blank:
        raise DataError(f"{len(blank)} of {len(texts)} texts are blank, the first at {blank[:5]}: leave them out")
    group_names = tuple(dict.fromkeys(names))
    number = {name: code for code, name in enumerate(group_names)}
    rows, codes = _tokens(texts, tokenizer, special=not pack), [number[name] for name in names]
    if pack:
        rows, codes = _blocks(rows, codes, length)
    tokens = np.full((len(rows), length), padding(tokenizer), dtype=np.int32)
    lengths = np.array([min(len(row), length) for row in rows], dtype=np.int64)
    for at, row in enumerate(rows):
        tokens[at, : lengths[at]] = row[:length]
    return Documents(np.arange(len(rows), dtype=np.int64), tokens, lengths, np.array(codes, dtype=np.int64), group_names)


def decode(documents: Documents, tokenizer: Any) -> list[str]:
    """Returns the text of each document, without padding and special tokens."""
    rows = zip(documents.tokens, documents.lengths, strict=True)
    return [tokenizer.decode(row[:n].tolist(), skip_special_tokens=True) for row, n in rows]


def _tokens(texts: Sequence[str], tokenizer: Any, *, special: bool) -> list[list[int]]:
    """Returns each text's tokens with the end-of-text token; `special` adds what the tokenizer begins a text with."""
    coded = tokenizer(list(texts), add_special_tokens=special, return_attention_mask=False, verbose=False)["input_ids"] if texts else []
    eos = tokenizer.eos_token_id
    return [row if len(row) > 1 and row[-1] == eos else [*row, eos] for row in coded]


def _blocks(rows: list[list[int]], codes: list[int], length: int) -> tuple[list[list[int]], list[int]]:
    """Returns the joined rows of each group in blocks of `length`, the last one shorter; a left-over of one token is dropped."""
    blocks: list[list[int]] = []
    owners: list[int] = []
    for code in dict.fromkeys(codes):
        stream = list(chain.from_iterable(row for row, owner in zip(rows, codes, strict=True) if owner == code))
        cut = [block for start in range(0, len(stream), length) if len(block := stream[start : start + length]) > 1]
        blocks += cut
        owners += [code] * len(cut)
    return blocks, owners
