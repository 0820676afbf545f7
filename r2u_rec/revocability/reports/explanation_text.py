"""An explanation as text for a terminal."""

from __future__ import annotations

import math

from r2u_rec.revocability.reports.explain import Explanation

DIRECTIONS = {
    1: "a high score speaks for a withdrawal",
    -1: "a high score speaks AGAINST a withdrawal",
    0: "it says nothing of a withdrawal",
}


def explanation_text(e: Explanation) -> str:
    """Returns the explanation as lines of text; without a line break at the end."""
    interval = "" if e.interval is None else f", 95 % interval [{number(e.interval[0])}, {number(e.interval[1])}]"
    unit = "no unit" if e.scorer.unit == "none" else e.scorer.unit
    lines = [
        f"user {e.user_key}: {e.n_records:,} records",
        f"scorer {e.scorer.name}: {number(e.raw)}{interval} ({unit}; range {e.scorer.range})",
        f"  rank share {e.share:.3f} among {e.n_users:,} users with a score (1 = highest)",
        f"  formula: {e.scorer.formula}",
        f"  direction: {DIRECTIONS[e.scorer.sign]}",
        f"  source: {e.scorer.source}",
        f"  where it misleads: {e.scorer.fails}",
    ]
    if e.parts:
        lines += ["parts"] + _table(e)
    if not e.n_rules:
        lines.append("rules: none")
    else:
        lines.append(f"rules: {len(e.rules)} of {e.n_rules} match" + ("" if e.rules else "; the score stays as its rank share"))
        lines += [f"  {rule}: {did}" for rule, did in e.rules]
    cut = "" if math.isnan(e.lowest_flagged) else f"; the lowest flagged score is {number(e.lowest_flagged)}"
    bound = " (score 1: always)" if e.n_rules and e.final == 1 else " (score 0: never)" if e.n_rules and e.final == 0 else ""
    lines.append(f"final score: {number(e.final)}{bound}")
    lines.append(f"{'FLAGGED as revocable' if e.flagged else 'not flagged'} by {e.policy}: {e.n_flagged:,} of {e.n_users:,} users are{cut}")
    return "\n".join(lines)


def number(value: float) -> str:
    """Returns a figure with four digits, or all those of a large one."""
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _table(e: Explanation) -> list[str]:
    learned = any(part.effect is not None for part in e.parts)
    heading = ["part", "value", "rank share", *(["log odds"] if learned else []), "meaning"]
    rows = [
        [part.name, number(part.value), "–" if math.isnan(part.share) else f"{part.share:.3f}"]
        + ([f"{part.effect:+.3f}"] if part.effect is not None else [])
        + [part.meaning]
        for part in e.parts
    ]
    widths = [max(len(row[i]) for row in [heading, *rows]) for i in range(len(heading))]
    left = (0, len(heading) - 1)

    def line(row: list[str]) -> str:
        cells = (cell.ljust(width) if i in left else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True)))
        return "  ".join(cells).rstrip()

    return [f"  {line(row)}" for row in [heading, *rows]]
