"""One self-contained HTML page from a template: the kit's base around it, the words of the field explained, written whole."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from r2u_rec.report.kit.parts import VerdictBox
from r2u_rec.report.kit.theme import stylesheet

WORDS = (
    ("imprint", "Imprint", "what a model still shows of users after their own rows are deleted, in the parameters that all users share."),
    (
        "retrained",
        "Retrained reference",
        "a model trained from the start by the same recipe without the erased users, so that it cannot know them. Every figure about "
        "forgetting is compared with such models.",
    ),
    (
        "canary|canaries",
        "Canary",
        "a trained user whose removal is rehearsed before the release, to find how long a forgetting step must be.",
    ),
    (
        "shadow",
        "Shadow model",
        "an extra model trained like the real one but without the canaries, which shows what users look like who were never learned.",
    ),
)  # fmt: skip
"""(pattern, word, what it means): a page explains those that it uses, directly below its answer."""


def render(package: str, template: str, *, title: str, answer: VerdictBox | None = None, about: str = "", **values: object) -> str:
    """Returns the page; everything but drawings is escaped.

    Args:
        package: that holds the template, which extends "base.html.j2".
        template: its file name.
        title: of the page. answer: the verdict box that stands first. about: a line on the data, below it.
        values: what the template names.
    """
    loader = ChoiceLoader([PackageLoader("r2u_rec.report.kit", "."), PackageLoader(package, ".")])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.get_template(template)
    given = {"title": title, "answer": answer, "about": about, "style": stylesheet(), **values}
    return page.render(**given, words=words_in(page.render(**given, words=[])))


def words_in(page: str) -> list[tuple[str, str]]:
    """Returns word and meaning of each term of the field that the text of a page uses; settings and commands do not count."""
    shown = re.sub(r"<(style|svg|pre)\b.*?</\1>", " ", page, flags=re.DOTALL)
    text = unescape(re.sub(r"<[^>]*>", " ", shown))
    return [(word, meaning) for pattern, word, meaning in WORDS if re.search(rf"\b({pattern})\b", text, flags=re.IGNORECASE)]


def write_whole(text: str, path: Path) -> Path:
    """Writes the page and returns its path; an old page is replaced only by a whole new one."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    return unfinished.replace(path)
