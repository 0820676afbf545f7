"""The documentation of all scorers, made from their cards.

python -m r2u_rec.revocability.reports.documentation docs/scorers.md
"""

from __future__ import annotations

import sys
from pathlib import Path

from r2u_rec.revocability.featurize.table import COLUMNS
from r2u_rec.revocability.scorers.registry import REGISTRY

_SIGNS = {1: "a high score speaks for a withdrawal", -1: "a high score speaks against one", 0: "it says nothing of a withdrawal"}

LEARNED = (
    "Where past withdrawals are known, `r2u_rec.revocability.learned.scorer.learn` fits a calibrated probability of withdrawal to them.",
    "`save_learned` and `load_learned` of `r2u_rec.revocability.learned.file` keep a logistic one as a JSON file of plain numbers, without",
    "any user's key. Where nobody has withdrawn yet, `simulated_erasures` of `r2u_rec.revocability.learned.erasures` draws requests at",
    "given rates to rehearse with.",
)


def as_markdown() -> str:
    """Returns the documentation of all scorers and of the columns they are made of."""
    lines = [
        "# Scorers: who may withdraw",
        "",
        "Made from the registry by `python -m r2u_rec.revocability.reports.documentation docs/scorers.md`; do not edit.",
        "",
        "Each scorer gives every user with records a number. All are hypotheses about behaviour, and none was fitted to observed",
        "withdrawals: where consent flags or past requests exist, use them (`supplied`, or a learned scorer).",
        "",
        "| scorer | unit | range | needs |",
        "|---|---|---|---|",
    ]
    for card in REGISTRY.values():
        lines.append(f"| [{card.name}](#{card.name}) | {card.unit} | {card.range} | {', '.join(card.needs) or 'nothing more'} |")
    for card in REGISTRY.values():
        first = (card.function.__doc__ or "").split("\n")[0].split(" (n_users,)")[0]
        lines += ["", f"## {card.name}", "", first, ""]
        lines += [f"- **Formula:** {card.formula}", f"- **Direction:** {_SIGNS[card.sign]}"]
        lines += [f"- **Unit and range:** {card.unit}; {card.range}"]
        lines += [f"- **Correlates with:** {card.correlates}", f"- **Where it fails:** {card.fails}"]
        lines += [f"- **Needs:** {', '.join(card.needs) or 'users and items only'}"]
        if card.columns:
            lines.append(f"- **Made of the features:** {', '.join(f'`{name}`' for name in card.columns)}")
        lines.append(f"- **Source:** {card.source}")
    lines += ["", "## A learned scorer", "", *LEARNED]
    lines += ["", "## Features", "", "The raw parts, one row a user (`features(log)`, `feature_table(records)`).", ""]
    lines += ["| feature | meaning |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in COLUMNS.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m r2u_rec.revocability.reports.documentation FILE")
    Path(sys.argv[1]).write_text(as_markdown())
