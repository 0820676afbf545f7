"""What the site promises before it is built: public names stand in the reference, pages in the navigation, anchors exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown.extensions.toc import slugify

import r2u_rec
from r2u_rec import registry, testing
from r2u_rec.core import protocols

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
PROTOCOLS = [
    name for name, value in vars(protocols).items() if getattr(value, "_is_protocol", False) and value.__module__ == protocols.__name__
]


def directives(folder: Path = DOCS / "reference") -> list[str]:
    """Returns every name that the reference shows."""
    return [name for page in sorted(folder.glob("*.md")) for name in re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)]


def resolved(name: str) -> Any:
    """Returns what a dotted name stands for; AttributeError or ModuleNotFoundError when there is no such thing."""
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def anchors(text: str) -> set[str]:
    """Returns the anchors of a page: of its headings, of `<a id=...>`, and of the names that it shows."""
    plain = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = [re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", title) for title in re.findall(r"^#+ +(.+?) *$", plain, re.MULTILINE)]
    found = {slugify(re.sub(r"[`*]", "", title), "-") for title in headings}
    return found | set(re.findall(r'id="([^"]+)"', plain)) | set(re.findall(r"^::: (\S+)$", plain, re.MULTILINE))


def missing_anchors(page: Path) -> list[str]:
    """Returns the links of a page whose anchor is not on the page that they lead to."""
    missing = []
    for link in re.findall(r"\]\(([^)\s]*#[^)\s]+)\)", page.read_text()):
        target, _, anchor = link.partition("#")
        if re.match(r"\w+:", target):
            continue
        path = (page.parent / target) if target else page
        if not path.is_file() or anchor not in anchors(path.read_text()):
            missing.append(link)
    return missing


def entries(nav: Any) -> Iterator[str]:
    """Yields every page of a navigation."""
    if isinstance(nav, str):
        yield nav
    for each in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from entries(each)


@pytest.mark.parametrize(
    "names",
    [
        [f"r2u_rec.{name}" for name in r2u_rec.__all__],
        [f"r2u_rec.registry.{name}" for name in registry.__all__],
        [f"r2u_rec.testing.{name}" for name in testing.__all__],
        [f"r2u_rec.core.protocols.{name}" for name in PROTOCOLS],
    ],
    ids=["r2u_rec", "registry", "testing", "protocols"],
)
def test_every_public_name_stands_in_the_reference(names):
    assert names
    assert set(names) - set(directives()) == set()


def test_every_name_of_the_reference_exists_and_stands_there_once():
    shown = directives()
    assert len(shown) == len(set(shown))
    for name in shown:
        resolved(name)


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page():
    nav = yaml.safe_load((CHECKOUT / "mkdocs.yml").read_text())["nav"]
    assert sorted(entries(nav)) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


@pytest.mark.parametrize("page", [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *PAGES], ids=lambda page: page.name)
def test_every_anchor_exists(page):
    assert missing_anchors(page) == []


def test_the_checks_find_what_is_not_there(tmp_path):
    (tmp_path / "other.md").write_text("# A *title* with `code`\n\n::: r2u_rec.MF\n")
    page = tmp_path / "page.md"
    page.write_text(
        "## Here\n\n[a](#here) [b](#there) [c](other.md#a-title-with-code) [d](other.md#r2u_rec.MF) [e](other.md#none) [f](no.md#x)\n"
    )
    assert missing_anchors(page) == ["#there", "other.md#none", "no.md#x"]
    assert directives(tmp_path) == ["r2u_rec.MF"]
    with pytest.raises(AttributeError):
        resolved("r2u_rec.NoSuchModel")


def test_the_map_of_contributing_names_every_room_and_no_other():
    rows = re.findall(r"^\| (`\w+/`(?:, `\w+/`)*) \|", (CHECKOUT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)/`", row)}
    assert named == {path.parent.name for path in Path(r2u_rec.__file__).parent.glob("*/__init__.py")}
