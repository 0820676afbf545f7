"""What a page consists of: the verdict box with its status, tables, figures, how to repeat. The template beside draws each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["good", "mixed", "bad", "neutral"]
"""good: forgets and keeps quality; mixed: one of the two; bad: neither; neutral: nothing is judged."""

Kind = Literal["", "taken", "reference", "group"]
"""What a row of a table is: an ordinary one, the one recommended, a reference, or the heading of those that follow."""


@dataclass(frozen=True)
class VerdictBox:
    """The answer of a page, in words.

    Attributes:
        status: colours the box. badge: the status in words, since nothing is told by colour alone.
        headline: the answer in a sentence.
        lines: (what the sentences are about, the sentences), such as ("Quality", ["..."]).
    """

    status: Status
    badge: str
    headline: str
    lines: Sequence[tuple[str, Sequence[str]]] = ()


@dataclass(frozen=True)
class Heading:
    """Heading of a column, and those of the small figures below the main one; `prose` heads a column of sentences."""

    text: str
    below: tuple[str, ...] = ()
    prose: bool = False


@dataclass(frozen=True)
class Cell:
    """Text of a cell, the small figures below it, and badges; `prose` is text that may break anywhere between words.

    `tone` names the colour of the badges: "fine", "care" or "poor".
    """

    text: str
    below: tuple[str, ...] = ()
    badges: tuple[str, ...] = ()
    strong: bool = False
    prose: bool = False
    tone: str = ""


@dataclass(frozen=True)
class TableRow:
    """Cells below the headings; a row of kind "group" has one, across all columns."""

    cells: Sequence[Cell]
    kind: Kind = ""


@dataclass(frozen=True)
class PageTable:
    """A table of a page; its first `n_names` columns are names. Where it does not fit it becomes a list of cards, never cut off."""

    label: str
    headings: Sequence[Heading]
    rows: Sequence[TableRow]
    n_names: int = 1


@dataclass(frozen=True)
class PageFigure:
    """A drawing with what it shows.

    Attributes:
        drawing: an SVG of `canvas.svg`. described: read aloud. shape: "wide" takes the whole page, "tall" two rows beside others.
        width: in pixels, of a drawing that is panned rather than made so small that its text cannot be read; 0 for any other.
    """

    title: str
    drawing: str
    caption: str
    described: str
    shape: Literal["", "wide", "tall"] = ""
    width: int = 0


@dataclass(frozen=True)
class Repeat:
    """How the figures are made again: the command, what lies where, and the facts that decide them."""

    command: str
    where: str
    settings: str
    about: str
    facts: Sequence[tuple[str, Mapping[str, object]]]


def tone_of(status: Status) -> str:
    """Returns the name of the colour of a status; empty for a neutral one."""
    return {"good": "fine", "mixed": "care", "bad": "poor", "neutral": ""}[status]
