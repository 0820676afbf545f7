"""One table from rows: in a terminal, as plain text, or as Markdown; mean +- standard deviation over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import IO, Any

from r2u_rec.report.columns import RATIO, column
from r2u_rec.report.evidence import Spread, is_reference, require_references, spread, with_ratio
from r2u_rec.report.results import Row
from r2u_rec.report.text_table import TextTable, markdown, print_text_table

_NAMES = ("data", "model", "request", "arm", "operator")
_FIGURES = ("auc", "adaptive_auc", "tpr_at_1fpr", "seconds", "excess", "max_difference")
_NOTHING = "–"
CAPTION = "mean ± standard deviation over n seeds"


@dataclass(frozen=True)
class Line:
    """One line of a table: rows that agree in all names, over their seeds.

    Attributes:
        names: value of each naming column.
        figures: spread of each shown column, None where no row has it.
        n: rows in the line.
        reference: whether it is a retrained reference.
        exact: True or False as the rows say, None when they do not.
    """

    names: dict[str, Any]
    figures: dict[str, Spread | None]
    n: int
    reference: bool
    exact: bool | None


@dataclass(frozen=True)
class Table:
    """Headings and lines, ready for any medium. `cells()` gives the text of each line."""

    by: tuple[str, ...]
    columns: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def headings(self) -> list[str]:
        return [column(name).label for name in self.by] + [column(name).label for name in self.columns] + ["n"]

    def cells(self, line: Line) -> list[str]:
        """Returns the text of a line, as long as the headings."""
        names = [_NOTHING if line.names[name] is None else str(line.names[name]) for name in self.by]
        return names + [figure(line.figures[name], column(name).digits) for name in self.columns] + [str(line.n)]


def tabulate(rows: Sequence[Row], *, by: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> Table:
    """Returns the table of `rows`: one line for each combination of names, in the order of first appearance.

    Args:
        rows: flat records; one a seed.
        by: the naming columns; by default those of data, model, request, arm and operator that any row has.
        columns: the figures; by default the ranking metrics, the first of them relative to the retrained models if
            there are any, and the usual evidence. A name that ends in " / retrained" is computed.

    Raises:
        ValueError: no rows, or a column that no row has.
        EvidenceError: a figure about forgetting, or a ratio, without retrained references.
    """
    if not rows:
        raise ValueError("a table needs at least one row, got 0: measure something first")
    by = tuple(name for name in _NAMES if any(row.get(name) is not None for row in rows)) if by is None else tuple(by)
    columns = tuple(usual_columns(rows) if columns is None else columns)
    present = {key for row in rows for key in row}
    unknown = [name for name in (*by, *columns) if name.removesuffix(RATIO) not in present]
    if unknown:
        raise ValueError(f"no row has {', '.join(unknown)}: there are {', '.join(sorted(present))}")
    require_references(rows, columns)
    full: Sequence[Row] = rows
    for name in columns:
        if name.endswith(RATIO):
            full = with_ratio(full, name.removesuffix(RATIO))
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in full:
        groups.setdefault(tuple(row.get(name) for name in by), []).append(row)
    return Table(by, columns, tuple(_line(dict(zip(by, key, strict=True)), found, columns) for key, found in groups.items()))


def _line(names: dict[str, Any], rows: list[Row], columns: tuple[str, ...]) -> Line:
    said = {row.get("exact") for row in rows}
    figures = {name: spread(row.get(name) for row in rows) for name in columns}
    return Line(names, figures, len(rows), all(map(is_reference, rows)), said.pop() if len(said) == 1 else None)


def usual_columns(rows: Sequence[Row]) -> list[str]:
    """Returns the columns worth showing first: ranking quality, its ratio to retraining, the evidence, the time."""
    present = {key for row in rows for key, value in row.items() if value is not None}
    ranking = sorted(name for name in present if "@" in name and column(name).digits == 4 and not name.endswith((RATIO, "popular", "tail")))
    ranking = [name for name in ranking if name == "NDCG@20"] or [name for name in ranking if name == "NDCG@10"] or ranking[:1]
    ratio = [ranking[0] + RATIO] if ranking and any(map(is_reference, rows)) else []
    return ranking + ratio + [name for name in _FIGURES if name in present]


def figure(found: Spread | None, digits: int) -> str:
    """Returns "mean ± sd" with that many decimals; the mean alone for one value; a dash for none."""
    if found is None:
        return _NOTHING
    scale = max(abs(found.mean), found.sd or 0.0)
    small = 0 < scale < 0.5 * 10.0**-digits
    digits = 0 if small else digits
    text = [f"{value:.1e}" if small and value else f"{value:.{digits}f}" for value in (found.mean, found.sd) if value is not None]
    return " ± ".join(text)


def markdown_table(rows: Sequence[Row], *, by: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> str:
    """Returns the table as Markdown, without a line break at the end; raises as `tabulate`."""
    return markdown(text_of(tabulate(rows, by=by, columns=columns)))


def print_table(
    rows: Sequence[Row],
    *,
    by: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    file: IO[str] | None = None,
    caption: str = CAPTION,
) -> None:
    """Prints the table, as `print_text_table` does; references are labelled as such. Raises as `tabulate`."""
    table = tabulate(rows, by=by, columns=columns)
    shown = text_of(table)
    faint = [i for i, line in enumerate(table.lines) if line.reference]
    last = len(table.by) - 1
    labelled = [
        [f"{cell} (reference)" if i == last and n in faint else cell for i, cell in enumerate(cells)] for n, cells in enumerate(shown.rows)
    ]
    print_text_table(replace(shown, rows=labelled, faint=faint, caption=caption), file)


def text_of(table: Table) -> TextTable:
    """Returns headings and cells of the table."""
    return TextTable(table.headings, [table.cells(line) for line in table.lines], len(table.by))
