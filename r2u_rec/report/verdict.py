"""The verdict in plain words: what a method kept, what it still knows, and the same of retrained models beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from r2u_rec.report.columns import RATIO, column
from r2u_rec.report.evidence import MATCHING, Spread, references_of, spread
from r2u_rec.report.results import Row
from r2u_rec.report.table import Line, figure, tabulate, usual_columns

TOLERANCE = 0.05
"""An AUC this near the retrained models' mean, or within two of their standard deviations, counts as in their range:
half the width of the band [.45, .55] in which a retrained model itself must lie."""

WIDEST = 0.10
"""References that differ more than this among themselves do not widen the range further: noise is no evidence of forgetting."""

NOTHING_DONE = "none"
"""The operator of the model as trained."""

TONES = {
    "exact": "exact",
    "within": "approximate, in the range of retrained models",
    "residue": "approximate, a residue is left",
    "remembered": "approximate, still remembered",
    "absent": "approximate, over-forgotten",
    "unmeasured": "approximate, not measured",
}


@dataclass(frozen=True)
class Statement:
    """What is said of one method.

    Attributes:
        method: its name.
        tone: a key of TONES.
        sentences: what is still known, what the staying users keep, what it took; retrained figures beside each.
        n, n_references: measurements of the method, and retrained models beside it.
        baseline: True for the model as trained, with nothing done at the request.
    """

    method: str
    tone: str
    sentences: tuple[str, ...]
    n: int
    n_references: int
    baseline: bool = False

    @property
    def badge(self) -> str:
        return "nothing done, the comparison" if self.baseline else TONES[self.tone]


def statements(rows: Sequence[Row]) -> list[Statement]:
    """Returns one statement for each method that is not a reference, in the order of the rows.

    Raises:
        EvidenceError: a method has no retrained references.
    """
    table = tabulate(rows, columns=usual_columns(rows))
    return [_statement(line, table.by, rows) for line in table.lines if not line.reference]


def method_name(names: dict[str, object]) -> str:
    """Returns "model, training: forgetting" of the naming columns that are there."""
    before = ", ".join(str(names[key]) for key in (*MATCHING, "arm") if names.get(key) is not None)
    return f"{before}: {names['operator']}" if names.get("operator") is not None else before


def _statement(line: Line, by: tuple[str, ...], rows: Sequence[Row]) -> Statement:
    mine = [row for row in rows if all(row.get(name) == line.names[name] for name in by)]
    references: list[Row] = []
    for row in mine:
        references += [other for other in references_of(row, rows) if all(other is not known for known in references)]
    tone, sentences = _tone(line, mine, references)
    for name, found in line.figures.items():
        if column(name).digits == 4 and not name.endswith(RATIO) and found is not None:
            sentences.append(_quality(name, found, line.figures.get(name + RATIO), references))
    baseline = line.names.get("operator") == NOTHING_DONE
    seconds, retraining = line.figures.get("seconds"), spread(row.get("seconds") for row in references)
    if seconds is not None and retraining is not None and not baseline:
        sentences.append(f"Time {_short(seconds.mean)} s; retraining {_short(retraining.mean)} s.")
    return Statement(method_name(line.names), tone, tuple(sentences), line.n, len(references), baseline)


def _tone(line: Line, mine: Sequence[Row], references: Sequence[Row]) -> tuple[str, list[str]]:
    """The tone, and the sentences about what is still known."""
    sentences = []
    if line.exact:
        gap = line.figures.get("max_difference")
        sentences.append(f"Equals retraining by construction{f'; largest difference measured {gap.highest:.0e}' if gap else ''}.")
    sides = []
    for name in ("auc", "adaptive_auc"):
        found, base = line.figures.get(name), spread(row.get(name) for row in references)
        if found is None or base is None:
            continue
        sides.append(_side(found, base, two_sided=name == "adaptive_auc"))
        label = column(name).label[0].upper() + column(name).label[1:]
        error = spread(row.get(f"{name}_se") for row in mine)
        within_one = f" (standard error {error.mean:.3f})" if error else ""
        sentences.append(f"{label} {figure(found, 3)}{within_one}; retrained models {figure(base, 3)}: {_WORDS[name, sides[-1]]}.")
    if line.exact:
        return "exact", sentences
    if not sides:
        return "unmeasured", ["How much is still known was not measured against retrained models.", *sentences]
    if sides[0] != "within":
        return sides[0], sentences
    return ("within" if all(side == "within" for side in sides) else "residue"), sentences


_WORDS = {
    ("auc", "within"): "in their range",
    ("auc", "remembered"): "above their range, erased users are still given away",
    ("auc", "absent"): "below their range, erased users stand out by their absence",
    ("adaptive_auc", "within"): "in their range",
    ("adaptive_auc", "remembered"): "above their range, erased users can be told apart",
}


def _side(found: Spread, base: Spread, *, two_sided: bool) -> str:
    """Where a figure lies. A two-sided attacker already uses a low signal, so that below one half there is only chance."""
    margin = min(max(TOLERANCE, 2 * (base.sd or 0.0)), WIDEST)
    if found.mean > (max(base.mean, 0.5) if two_sided else base.mean) + margin:
        return "remembered"
    return "absent" if not two_sided and found.mean < base.mean - margin else "within"


def _quality(name: str, found: Spread, ratio: Spread | None, references: Sequence[Row]) -> str:
    base = spread(row.get(name) for row in references)
    beside = f"; retrained models {figure(base, 4)}: {100 * ratio.mean:.1f}\u00a0%" if ratio and base else ""
    return f"{name} of the users who stay {figure(found, 4)}{beside}."


def _short(seconds: float) -> str:
    return f"{seconds:.3g}" if seconds < 100 else f"{seconds:.0f}"
