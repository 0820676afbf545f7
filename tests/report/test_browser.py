"""Every page in a real browser: nothing is cut off at either width, text can be read on light and dark, and it can be printed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
for folder in (HERE, HERE.parent / "r2u_bench" / "rivals"):
    sys.path.insert(0, str(folder))

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTHS = (1280, 390)
PRINTED = 1030
"""Pixels between the margins of a page of A4 that lies on its side."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}: apt-get install chromium"),
]
if CHROMIUM.exists():
    if os.environ.get("CI"):
        import playwright.sync_api as playwright  # a missing library is a failure there, not a skip
    else:
        playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'r2u-rec[dev]'")

PAGES = ("run", "simulation", "rivals", "paper")

OVERFLOW = """() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const cut = [];
  for (const box of document.querySelectorAll('.scroll')) if (box.scrollWidth > box.clientWidth + 1) cut.push(box.innerText.slice(0, 60));
  for (const cell of document.querySelectorAll('th, td, p, li, dd, figcaption')) {
    const place = cell.getBoundingClientRect();
    if (place.width === 0) continue;
    const style = getComputedStyle(cell);
    const hidden = style.overflowX !== 'visible' && cell.scrollWidth > cell.clientWidth + 1;
    if (hidden || (place.right > document.documentElement.clientWidth + 1 && !cell.closest('.pan'))) cut.push(cell.innerText.slice(0, 60));
  }
  return [wide, cut];
}"""
"""Pixels by which the page is too wide, and texts of tables, cells and paragraphs that are cut off or stick out."""

CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (c) => { const [r, g, b] = c.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = (element) => { for (let at = element; at; at = at.parentElement) {
    const found = rgba(getComputedStyle(at).backgroundColor); if (found[3] > 250) return found; } return [255, 255, 255, 255]; };
  const found = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.getClientRects().length || element.closest('style')) continue;
    const one = light(rgba(getComputedStyle(element).color)), two = light(paper(element));
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) found[text.slice(0, 40)] = ratio;
  }
  return found;
}"""
"""Text -> contrast, of every text whose contrast with what it stands on is below that of WCAG AA."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """A page of every kind, made from toys whose story is known."""
    pytest.importorskip("matplotlib", reason="pages are drawn: pip install 'r2u-rec[plots]'")
    from page_toys import write_pages

    return write_pages(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def show(browser, pages):
    """`show(name, width, ...)` returns the opened page with everything unfolded; any request that leaves the files fails the tests."""
    opened: dict[str, playwright.Page] = {}
    asked: list[str] = []

    def open_page(name: str, width: int, *, scheme: str = "light", media: str = "screen") -> playwright.Page:
        if name not in opened:
            opened[name] = browser.new_page()
            opened[name].on("request", lambda request: asked.append(request.url))
            opened[name].goto(pages[name].as_uri())
            opened[name].evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
        opened[name].set_viewport_size({"width": width, "height": 900})
        opened[name].emulate_media(media=media, color_scheme=scheme)
        return opened[name]

    yield open_page
    assert asked
    assert all(url.startswith("file:") for url in asked)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_off_and_the_page_does_not_scroll_sideways(show, name, width):
    wide, cut = show(name, width).evaluate(OVERFLOW)
    assert wide <= 0
    assert cut == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_all_text_has_contrast_enough(show, name, scheme):
    page = show(name, 1280, scheme=scheme)
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert dark is (scheme == "dark")
    assert page.evaluate(CONTRAST) == {}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_printed_whole_and_on_white(show, name):
    page = show(name, PRINTED, scheme="dark", media="print")
    wide, cut = page.evaluate(OVERFLOW)
    assert wide <= 0
    assert cut == []
    assert page.evaluate(CONTRAST) == {}
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", PAGES)
def test_the_answer_is_the_first_thing_on_the_page_and_coloured_by_its_status(show, name):
    page = show(name, 390)
    first = page.evaluate("document.querySelector('main > header').nextElementSibling.className")
    status = first.removeprefix("answer ")
    assert first.startswith("answer ")
    assert page.evaluate("document.querySelector('.answer .badge').innerText").startswith(f"{status}:")
    assert page.evaluate("document.querySelector('.answer').getBoundingClientRect().top") < 300


def test_on_a_telephone_every_cell_says_what_it_is(show):
    page = show("rivals", 390)
    labels = page.evaluate(
        "[...document.querySelectorAll('td[data-label]')].map((cell) => getComputedStyle(cell, '::before').content.slice(1, -1))"
    )
    assert "kept" in labels
    assert all(labels)


def test_the_checks_see_what_is_cut_off_and_what_cannot_be_read(show):
    page = show("run", 390)
    page.evaluate("document.querySelector('.lead').style.cssText = 'width: 900px; color: #aaa'")
    wide, cut = page.evaluate(OVERFLOW)
    faint = page.evaluate(CONTRAST)
    page.evaluate("document.querySelector('.lead').style.cssText = ''")
    assert wide > 0
    assert cut
    assert faint
