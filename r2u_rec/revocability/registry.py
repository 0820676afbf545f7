"""All scorers: the command line, the documentation and explanations read them here.

python -m r2u_rec.revocability.registry docs/scorers.md     # writes the documentation
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from r2u_rec.revocability import behaviour, exposure
from r2u_rec.revocability.blend import blend, supplied, uniform
from r2u_rec.revocability.card import Scorer as Scorer
from r2u_rec.revocability.card import card_of
from r2u_rec.revocability.features import COLUMNS

_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    blend,
    behaviour.engagement,
    behaviour.active_days,
    behaviour.sessions,
    behaviour.recent_intensity,
    behaviour.evolving_interest,
    behaviour.stability,
    behaviour.inactive_seconds,
    behaviour.churn,
    behaviour.hazard,
    exposure.uniqueness,
    exposure.crowd,
    exposure.sensitivity,
    exposure.disclosure,
    supplied,
    uniform,
)

REGISTRY: Mapping[str, Scorer] = {card.name: card for card in map(card_of, _FUNCTIONS)}
"""Every scorer by its name."""

_SIGNS = {1: "a high score speaks for a withdrawal", -1: "a high score speaks against one", 0: "it says nothing of a withdrawal"}


def as_markdown() -> str:
    """Returns the documentation of all scorers and of the columns they are made of."""
    lines = [
        "# Scorers: who may withdraw",
        "",
        "Made from the registry by `python -m r2u_rec.revocability.registry docs/scorers.md`; do not edit.",
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
    lines += ["", "## Features", "", "The raw parts, one row a user (`features(log)`, `feature_table(records)`).", ""]
    lines += ["| feature | meaning |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in COLUMNS.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m r2u_rec.revocability.registry FILE")
    Path(sys.argv[1]).write_text(as_markdown())
