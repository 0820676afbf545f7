"""The page loads nothing, shows every row, escapes everything, and is not made without retrained references."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from r2u_rec.errors import EvidenceError
from r2u_rec.report import tabulate
from r2u_rec.report.page import render_page, write_page

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and checks that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data.replace("\u00a0", " "))


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def test_the_page_loads_nothing(page):
    for tag, attributes in read(page).tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "img"}
        for name in ("src", "href", "xlink:href", "data", "action", "srcset"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, name, attributes[name])
    assert not re.search(r"@import|url\((?!#)", page)
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names of formats, which nothing fetches


def test_the_page_shows_the_cells_of_every_line(page, rows):
    text = " ".join(read(page).text)
    table = tabulate(rows)
    for line in table.lines:
        for cell in table.cells(line):
            assert cell in text


def test_the_page_says_what_was_asked_judged_and_how_to_repeat(page):
    text = " ".join(read(page).text)
    for part in (
        "Ten per cent of the users withdraw",
        "1 of 3 methods forgets and keeps the quality",
        "Forget by “block Newton” on the model trained by “standard”: it cannot be told from retrained models",
        "r2u run --from",
    ):
        assert part in text
    for part in ("2026-05-01-ml-100k", '"embedding_dim": 64', "0123456789abcdef", "n = 3 seeds (11, 12, 13)", "What each number means"):
        assert part in text


def test_the_page_never_claims_that_anything_is_removed(page):
    text = " ".join(read(page).text).lower()
    assert not re.search(r"\bremov|\bgone\b|guarante|completely forgot|no trace", text)


def test_the_page_has_the_four_figures_each_with_a_description(page):
    tags = read(page).tags
    assert [a["aria-label"].split(":")[0] for tag, a in tags if tag == "figure"] == [
        "Forgetting curve",
        "Cost",
        "Before and after, by user group",
        "Training",
    ]
    assert sum(tag == "svg" for tag, _ in tags) == 4


def test_ids_are_unique_and_every_reference_inside_a_drawing_has_its_target(page):
    tags = read(page).tags
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    wanted = set(re.findall(r'xlink:href="#([^"]+)"|url\(#([^)]+)\)', page))
    assert {a or b for a, b in wanted} <= set(ids)


def test_every_colour_follows_the_theme(page):
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    bare = re.sub(r"var\(--\w+, #\w{6}\)", "", drawings)
    assert set(re.findall(r"#[0-9a-f]{6}\b", bare)) == set()
    variables = set(re.findall(r"var\((--\w+)", page))
    light, dark = (set(re.findall(r"(--\w+):", block)) for block in re.findall(r":root \{([^}]*)\}", page))
    assert variables - {"--tone"} <= light  # --tone is set by the class of what it colours
    assert variables - {"--tone"} <= dark


def test_what_comes_from_the_run_is_escaped(synthetic):
    evil = "<script>alert(1)</script>-->&\"'$x$"
    result = synthetic()
    renamed = [{**row, "arm": evil + row["arm"]} for row in result.rows]
    moved = {
        part: [{**row, key: row[key] if row[key] == "retrained" else evil + str(row[key])} for row in getattr(result, part)]
        for part, key in (("curves", "method"), ("costs", "method"), ("groups", "group"), ("training", "arm"))
    }
    hostile = synthetic(name=evil, question=evil, command=evil, settings={evil: evil}, data={"name": evil}, rows=renamed, **moved)
    page = render_page(hostile)
    assert "<script" not in page
    assert "<!--" not in page  # the drawing library repeats labels in comments
    reader = read(page)
    assert "script" not in {tag for tag, _ in reader.tags}
    assert evil in "".join(reader.text)


def test_without_references_there_is_no_page(synthetic):
    kept = [row for row in synthetic().rows if row["operator"] != "retrained"]
    with pytest.raises(EvidenceError, match="0 retrained references"):
        render_page(synthetic(rows=kept))


def test_without_a_retrained_cost_or_group_figure_there_is_no_page(synthetic):
    result = synthetic()
    with pytest.raises(EvidenceError, match="need rows of the method 'retrained'"):
        render_page(synthetic(costs=[row for row in result.costs if row["method"] != "retrained"]))
    with pytest.raises(EvidenceError, match=r"27 of 27 group figures have no retrained figure.*'more active half'"):
        render_page(synthetic(groups=[{**row, "retrained": None} for row in result.groups]))


def test_a_forgetting_curve_of_a_model_without_references_is_refused(synthetic):
    curves = [{**row, "model": "LightGCN"} for row in synthetic().curves]
    with pytest.raises(EvidenceError, match=r"curve of 'LightGCN' needs at least 2 retrained references with auc and NDCG@20, got 0"):
        render_page(synthetic(curves=curves))


def test_a_run_without_curves_still_has_a_page(synthetic):
    page = render_page(synthetic(curves=[], training=[], groups=[], costs=[]))
    assert "No curves were recorded" in page


def test_seeds_that_were_not_recorded_are_said_to_be_missing(synthetic):
    curves = [{key: value for key, value in row.items() if key != "seed"} for row in synthetic().curves]
    assert "Seeds: not recorded." in render_page(synthetic(curves=curves))


def test_the_same_result_gives_the_same_bytes(synthetic):
    result = synthetic()
    assert render_page(result) == render_page(result)


def test_a_page_that_cannot_be_made_leaves_the_old_one(synthetic, tmp_path):
    path = write_page(synthetic(curves=[], training=[], groups=[], costs=[]), tmp_path / "report.html")
    old = path.read_text()
    with pytest.raises(ValueError, match="at least one row"):
        write_page(synthetic(rows=[]), path)
    assert path.read_text() == old
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
