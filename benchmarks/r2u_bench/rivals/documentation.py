"""The documentation of all systems and recommenders of the benchmark, made from the registry.

python -m r2u_bench.rivals.documentation docs/systems.md
"""

from __future__ import annotations

import sys
from pathlib import Path

from r2u_bench.rivals.systems.notes import NOTES
from r2u_bench.rivals.systems.registry import own_systems
from r2u_rec.registry.specs import FAMILIES, OFFERS
from r2u_rec.registry.tables import MODELS
from r2u_rec.report.text_table import TextTable, markdown


def as_markdown() -> str:
    """Returns the documentation of our own systems and recommenders."""
    models, rows = {name: MODELS.get(name) for name in MODELS.builtin}, own_systems()
    lines = [
        "# Systems and recommenders of the benchmark",
        "",
        "Made from the registry by `python -m r2u_bench.rivals.documentation docs/systems.md`; do not edit. `r2u bench rivals --list`",
        "prints the same with whatever other packages bring. Figures stand in [rivals.md](rivals.md).",
        "",
    ]
    cells = []
    for model in models.values():
        extra = f"; extra `{model.extra}`" if model.extra else ""
        cells.append([model.title, f"`{model.name}`", f"{model.source}{extra}", ", ".join(sorted(model.offers))])
    lines.append(markdown(TextTable(("recommender", "on the command line", "source", "offers"), cells, n_names=4)))
    lines += ["", "What each word of the last column means: " + "; ".join(f"*{name}*: it {text}" for name, text in OFFERS.items()) + "."]
    for family, title in FAMILIES.items():
        mine = [system for system in rows.values() if system.family == family]
        lines += ["", f"## {title}", ""]
        for system in mine:
            fits = [model.title for model in models.values() if not system.lacks(model)]
            options = ", ".join(f"`{name}={value}`" for name, value in system.options.items()) or "none"
            lines += [f"- **{system.title}** (`{system.name}`). {system.source[0].upper() + system.source[1:]}. {NOTES[system.name]}"]
            lines += [
                f"  Reads {'the request and what it kept' if system.reads == 'request' else 'retained interactions'}; options: {options};"
            ]
            lines += [f"  runs on {', '.join(fits)}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m r2u_bench.rivals.documentation FILE")
    Path(sys.argv[1]).write_text(as_markdown())
