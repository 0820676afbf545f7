"""The help of a verb: what matters first, then the names of the sections, each of which `--help SECTION` shows whole."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Iterator, Sequence

from r2u_rec.config.errors import UsageError
from r2u_rec.config.files import presets
from r2u_rec.config.keys import Key, all_keys, described, shown_default
from r2u_rec.suggest import choices

FIRST: dict[str, tuple[str, ...]] = {
    "data": ("data.path", "data.user", "data.item", "data.time", "data.duplicates", "data.name"),
    "split": ("data.split",),
    "model": ("model.name", "model.embedding_dim"),
    "training": ("training.epochs", "training.lr"),
    "prepare": ("prepare.arm",),
    "forget": ("forget.method", "forget.smallest_batch"),
    "revocability": ("revocability.scorer", "revocability.share"),
    "evaluate": ("evaluate.n_references", "evaluate.methods"),
    "simulate": ("simulate.policies", "simulate.months", "simulate.requests_per_month", "simulate.requests_file"),
}
"""Section -> the keys that most users set."""


def help_text(
    verb: str, summary: str, usage: str, own: argparse.ArgumentParser, sections: Sequence[str], asked: str | None, model: str
) -> str:
    """Returns what `r2u VERB --help [SECTION]` prints.

    Args:
        sections: of the settings that the verb uses, the first ones first.
        asked: a section, or a part of one such as forget.newton; None for what matters first.

    Raises:
        UsageError: no such section.
    """
    keys = all_keys(model, verb)
    if asked is not None:
        return _section(verb, asked, keys)
    lines = [f"usage: r2u {verb} {usage}", "", *textwrap.wrap(summary, _width()), ""]
    lines += list(_own(own))
    first = [name for section in sections for name in FIRST.get(section, ()) if name in keys]
    if first:
        lines += ["", "Settings, of a file (--config) or as flags of the same names:"]
        lines += [line for name in (*first, "seed") for line in _line(f"--{name}", keys[name])]
        counts = {s: sum(name.startswith(f"{s}.") for name in keys) for s in sections}
        lines += ["", f"All settings of a section: r2u {verb} --help SECTION"]
        lines += [f"  {'  '.join(f'{s} ({n})' for s, n in counts.items() if n)}"]
        lines += textwrap.wrap(f"Packaged settings (--preset): {', '.join(presets())}", _width())
    return "\n".join(lines)


def _section(verb: str, asked: str, keys: dict[str, Key]) -> str:
    inside = {name: key for name, key in keys.items() if name.startswith(f"{asked}.") or name == asked}
    if not inside:
        there = dict.fromkeys(name.rpartition(".")[0] for name in keys if "." in name)
        raise UsageError(f"unknown section {asked!r}{choices(asked, there)}")
    deeper = dict.fromkeys(name.split(".")[1] for name in inside if name.count(".") == 2) if "." not in asked else {}
    shown_keys = {name: key for name, key in inside.items() if not (deeper and name.count(".") == 2)}
    lines = [line for name, key in shown_keys.items() for line in _line(f"--{name}", key)]
    if deeper:
        lines += ["", *textwrap.wrap(f"Each has settings of its own, r2u {verb} --help {asked}.NAME: {', '.join(deeper)}", _width())]
    return "\n".join(lines)


def _own(own: argparse.ArgumentParser) -> Iterator[str]:
    """Yields the verb's own flags as argparse prints them."""
    text = own.format_help().partition("\n\n")[2].rstrip()
    if text:
        yield from text.splitlines()


def _line(flag: str, key: Key) -> Iterator[str]:
    text = f"{key.help} ({described(key.hint)}; default: {shown_default(key.default)})"
    head = f"  {flag}"
    wrapped = textwrap.wrap(text, _width() - 30)
    if len(head) > 28:
        yield head
        yield from (" " * 30 + line for line in wrapped)
        return
    yield head.ljust(30) + wrapped[0]
    yield from (" " * 30 + line for line in wrapped[1:])


def _width() -> int:
    return max(72, min(shutil.get_terminal_size().columns, 132))
