"""The one table of a terminal, which fits its width and cuts nothing off, and the one of Markdown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import IO

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

NARROWEST = 14
"""Characters below which a column of text is not made narrower."""

FRAME = 3
"""Characters that a column takes beside its text: a line and a blank on either side."""


@dataclass(frozen=True)
class TextTable:
    """Headings and cells.

    Attributes:
        headings: of the columns. rows: texts, as many as there are headings.
        n_names: the first so many columns name a line; they are repeated wherever the table goes on below.
        text: headings of further columns of text, which stand to the left and may be wrapped; all others hold figures.
        faint: numbers of rows that are shown faintly, such as references.
        caption: a sentence below.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    n_names: int = 1
    text: Collection[str] = ()
    faint: Collection[int] = ()
    caption: str = ""

    def is_text(self, i: int) -> bool:
        """Whether column i is one of names or of text."""
        return i < self.n_names or self.headings[i] in self.text

    def widest(self, i: int) -> int:
        """Returns the characters of the longest cell of column i, its heading included."""
        return max(len(row[i]) for row in [self.headings, *self.rows])


def print_text_table(table: TextTable, file: IO[str] | None = None) -> None:
    """Prints the table. In a terminal it is drawn within the width; elsewhere it is aligned text of any width, a line a row.

    Names and texts are wrapped where they are too long, figures never. Columns that do not fit beside each other stand in a further table
    below, with the names repeated.
    """
    console = Console(file=file, highlight=False)
    if not console.is_terminal:
        print("\n".join(_aligned(table)) + (f"\n\n{table.caption}" if table.caption else ""), file=console.file)
        return
    for columns in columns_that_fit(table, console.width):
        console.print(_drawn(table, columns, console.width))
    if table.caption:
        console.print(Text(table.caption, style="italic"))


def columns_that_fit(table: TextTable, width: int) -> list[list[int]]:
    """Returns the columns of each table that fits the width, the names first in each of them; every other column is in exactly one."""
    names = list(range(table.n_names))
    taken = sum(_least(table, i, width) + FRAME for i in names) + 1
    found: list[list[int]] = []
    room = 0
    for i in range(table.n_names, len(table.headings)):
        need = _least(table, i, width) + FRAME
        if not found or need > room:
            found.append(list(names))
            room = width - taken
        found[-1].append(i)
        room -= need
    return found or [names]


def markdown(table: TextTable) -> str:
    """Returns the table as Markdown, without a line break at the end."""
    align = [":--" if table.is_text(i) else "--:" for i in range(len(table.headings))]
    body = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in table.rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [table.headings, align, *body])


def _least(table: TextTable, i: int, width: int) -> int:
    """The narrowest that column i is shown: figures are not broken, names leave room for the widest figure beside them."""
    if not table.is_text(i):
        return table.widest(i)
    least = min(table.widest(i), NARROWEST)
    if i >= table.n_names:
        return least
    figure = max((table.widest(j) for j in range(table.n_names, len(table.headings)) if not table.is_text(j)), default=NARROWEST)
    share = (width - 1 - figure - FRAME) // table.n_names - FRAME
    return min(least, max(share, 4))


def _drawn(table: TextTable, columns: Sequence[int], width: int) -> RichTable:
    spare = width - 1 - sum(_least(table, i, width) + FRAME for i in columns)
    drawn = RichTable()
    for i in columns:
        least = _least(table, i, width)
        more = min(table.widest(i) - least, max(spare, 0)) if table.is_text(i) else 0
        spare -= more
        whole = spare >= 0 and not table.is_text(i)
        drawn.add_column(
            Text(table.headings[i]), justify="left" if table.is_text(i) else "right", overflow="fold", no_wrap=whole,
            width=least + more if spare >= 0 else None,
        )  # fmt: skip
    for n, row in enumerate(table.rows):
        drawn.add_row(*(Text(row[i]) for i in columns), style="dim" if n in table.faint else None)
    return drawn


def _aligned(table: TextTable) -> list[str]:
    widths = [table.widest(i) for i in range(len(table.headings))]
    lines = []
    for row in [table.headings, ["-" * width for width in widths], *table.rows]:
        cells = (cell.ljust(w) if table.is_text(i) else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
        lines.append("  ".join(cells).rstrip())
    return lines
