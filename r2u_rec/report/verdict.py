"""The verdict in plain words: what a method kept, what it still knows, and the same of retrained models beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from r2u_rec.report.columns import RATIO, column
from r2u_rec.report.evidence import MATCHING, Spread, references_of, spread
from r2u_rec.report.kit.parts import Status
from r2u_rec.report.results import Row
from r2u_rec.report.table import Line, figure, tabulate, usual_columns

KEPT = 0.98
"""A method keeps the quality when the users who stay have at least this share of the retrained models' quality."""

TOLERANCE = 0.05
"""An AUC this near the retrained models' mean always counts as in their range: half the width of the band [.45, .55] in which a
retrained model itself must lie."""

WIDEST = 0.10
"""Farther than this from the retrained models' mean nothing counts as in their range, however wide the intervals: noise is no
evidence of forgetting."""

NOTHING_DONE = "none"
"""The operator of the model as trained."""

TONES = {
    "exact": "exact",
    "within": "approximate, in the range of retrained models",
    "residue": "approximate, a residue is left",
    "remembered": "approximate, still remembered",
    "absent": "approximate, over-forgotten",
    "unmeasured": "approximate, forgetting not measured",
}
_FORGETS = {"exact": True, "within": True, "unmeasured": None}

RULE = (
    f"A method is good when it forgets and keeps, mixed when it does one of the two, bad when it does neither. It forgets when it equals "
    f"retraining by construction, or when by each attack measured its interval (two standard errors) overlaps that of the retrained models "
    f"(two standard deviations over them); a mean within {TOLERANCE} of theirs always counts, one farther than {WIDEST:.2f} never does. It "
    f"keeps when the users who stay have at least {100 * KEPT:.0f}\u00a0% of the retrained models' ranking quality. An approximate method "
    "is never shown to leave nothing behind: a stronger attack may still find something."
)


@dataclass(frozen=True)
class Statement:
    """What is said of one method.

    Attributes:
        method: its name. names: value of each naming column.
        tone: a key of TONES.
        status: "good", "mixed" or "bad" by RULE; "neutral" for the model as trained.
        known, kept, took: sentences on what is still known, on what the staying users keep, on what it took; retrained figures beside each.
        share: ranking quality over that of the retrained models, None where it was not measured.
        seconds, retraining_seconds: means, None where they were not measured.
        n, n_references: measurements of the method, and retrained models beside it.
        baseline: True for the model as trained, with nothing done at the request.
    """

    method: str
    names: Mapping[str, object]
    tone: str
    status: Status
    known: tuple[str, ...]
    kept: tuple[str, ...]
    took: tuple[str, ...]
    share: float | None
    seconds: float | None
    retraining_seconds: float | None
    n: int
    n_references: int
    baseline: bool = False

    @property
    def sentences(self) -> tuple[str, ...]:
        """All that is said: what is still known, what is kept, what it took."""
        return self.known + self.kept + self.took

    @property
    def forgets(self) -> bool | None:
        """Whether it forgets by RULE; None where that was not measured."""
        return _FORGETS.get(self.tone, False)

    @property
    def keeps(self) -> bool | None:
        """Whether it keeps the quality by RULE; None where that was not measured."""
        return None if self.share is None else self.share >= KEPT

    @property
    def badge(self) -> str:
        """The status and its reasons in words."""
        if self.baseline:
            return "nothing done, the comparison"
        quality = "quality not measured" if self.share is None else f"{100 * self.share:.0f}\u00a0% of retrained quality"
        return f"{self.status}: {TONES[self.tone]}; {quality}"


def statements(rows: Sequence[Row]) -> list[Statement]:
    """Returns one statement for each method that is not a reference, in the order of the rows.

    Raises:
        EvidenceError: a method has no retrained references.
    """
    table = tabulate(rows, columns=usual_columns(rows))
    return [_statement(line, table.by, rows) for line in table.lines if not line.reference]


def status_of(forgets: bool | None, keeps: bool | None) -> Status:
    """Returns "good", "mixed" or "bad" by RULE; what was not measured is not shown."""
    return "good" if forgets and keeps else "mixed" if forgets or keeps else "bad"


def method_name(names: Mapping[str, object]) -> str:
    """Returns "model, training: forgetting" of the naming columns that are there."""
    before = ", ".join(str(names[key]) for key in (*MATCHING, "arm") if names.get(key) is not None)
    return f"{before}: {names['operator']}" if names.get("operator") is not None else before


def _statement(line: Line, by: tuple[str, ...], rows: Sequence[Row]) -> Statement:
    mine = [row for row in rows if all(row.get(name) == line.names[name] for name in by)]
    references: list[Row] = []
    for row in mine:
        references += [other for other in references_of(row, rows) if all(other is not known for known in references)]
    tone, known = _tone(line, mine, references)
    kept, share = [], None
    for name, found in line.figures.items():
        if column(name).digits == 4 and not name.endswith(RATIO) and found is not None:
            ratio = line.figures.get(name + RATIO)
            kept.append(_quality(name, found, ratio, references))
            share = ratio.mean if ratio and share is None else share
    baseline = line.names.get("operator") == NOTHING_DONE
    seconds, retraining = line.figures.get("seconds"), spread(row.get("seconds") for row in references)
    took: tuple[str, ...] = ()
    if seconds is not None and retraining is not None and not baseline:
        took = (f"Time {short_seconds(seconds.mean)} s; retraining {short_seconds(retraining.mean)} s.",)
    return Statement(
        method=method_name(line.names),
        names=line.names,
        tone=tone,
        status="neutral" if baseline else status_of(_FORGETS.get(tone, False), share is not None and share >= KEPT),
        known=tuple(known),
        kept=tuple(kept),
        took=took,
        share=share,
        seconds=seconds.mean if seconds else None,
        retraining_seconds=retraining.mean if retraining else None,
        n=line.n,
        n_references=len(references),
        baseline=baseline,
    )


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
        error = spread(row.get(f"{name}_se") for row in mine)
        sides.append(_side(found, base, error.mean if error else 0.0, two_sided=name == "adaptive_auc"))
        label = column(name).label[0].upper() + column(name).label[1:]
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


def _side(found: Spread, base: Spread, error: float, *, two_sided: bool) -> str:
    """Where a figure lies by RULE. A two-sided attacker already uses a low signal, so that below one half there is only chance."""
    own = max(error, (found.sd or 0.0) / math.sqrt(found.n))
    margin = min(max(TOLERANCE, 2 * own + 2 * (base.sd or 0.0)), WIDEST)
    if found.mean > (max(base.mean, 0.5) if two_sided else base.mean) + margin:
        return "remembered"
    return "absent" if not two_sided and found.mean < base.mean - margin else "within"


def _quality(name: str, found: Spread, ratio: Spread | None, references: Sequence[Row]) -> str:
    base = spread(row.get(name) for row in references)
    beside = f"; retrained models {figure(base, 4)}: {100 * ratio.mean:.1f}\u00a0%" if ratio and base else ""
    return f"{name} of the users who stay {figure(found, 4)}{beside}."


def short_seconds(seconds: float) -> str:
    """Returns seconds with three digits."""
    return f"{seconds:.3g}" if seconds < 100 else f"{seconds:.0f}"
