"""The page and the terminal show every system with its figures, say what is missing and why, and load nothing."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
from r2u_bench.rivals.figures import Figures
from r2u_bench.rivals.page import NOTES, lead, render_page, write_page
from r2u_bench.rivals.preset import Preset
from r2u_bench.rivals.summary import QUALITY
from r2u_bench.rivals.tables import NOTHING, REFERENCES, REQUEST_COLUMNS, label, lines_of, main_columns
from r2u_bench.rivals.terminal import HEADINGS, print_lines
from rivals_toys import EASE, FAILED, MF, REFUSED, REQUESTS, SEEDS, make_found

COMMAND = "r2u bench rivals --dataset toy --requests 'random 5 %'"
EVIL = "<script>alert(1)</script>-->&\"'$x$"
VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Collects tags, text and the cells of every table, and checks that tags are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.tables: list[list[list[str]]] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif "td" in self._open and tag in ("span", "br"):
            self.tables[-1][-1][-1] += "|" * (not self.tables[-1][-1][-1].endswith("|"))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        data = data.replace("\u00a0", " ")
        self.text += data
        if {"td", "th"} & set(self._open):
            self.tables[-1][-1][-1] += data


def by_heading(table: list[list[str]]) -> dict[str, dict[str, str]]:
    """Name in the first column -> heading -> what stands largest in the cell."""
    head, *body = table
    assert all(len(row) in (1, len(head)) for row in body)
    first = [[cell.split("|")[0] for cell in row] for row in body if len(row) > 1]
    return {row[0]: dict(zip(head, row, strict=True)) for row in first}


@pytest.fixture(scope="module")
def page(found, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rivals")
    path = write_page(found, folder / "rivals.html", command=COMMAND)
    assert [p.name for p in folder.iterdir()] == ["rivals.html"]
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


@pytest.fixture(scope="module")
def main(read):
    """The main table of the first recommender, then that of the second."""
    found = [by_heading(table) for table in read.tables if "reads" in table[0]]
    assert len(found) == 2
    return found


def test_the_page_loads_nothing(page, read):
    for tag, attributes in read.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "img"}
        for name in ("src", "href", "xlink:href", "data", "action", "srcset"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, name, attributes[name])
    assert not re.search(r"@import|url\((?!#)", page)
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names of formats, which nothing fetches


def test_the_page_has_a_light_and_a_dark_theme_and_a_picture_for_each_recommender(page):
    assert "prefers-color-scheme: dark" in page
    assert page.count("<svg") == 2
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_every_system_stands_in_the_table_of_its_recommender_under_its_family(found, read, main):
    for table, story in zip(main, (MF, EASE), strict=True):
        assert list(table) == [REFERENCES, *(label(line) for line in lines_of(found, "mf" if story is MF else "ease"))]
        assert len(table) == len(story) + 1
    families = [row[0] for row in read.tables[0] if len(row) == 1]
    assert families[0] == "References"
    assert len(families) == 5


def test_the_figures_of_a_system_are_those_of_its_rows(found, main):
    newton = main[0]["Newton, item blocks"]
    mine = [row for row in found.figures.rows if row["system"] == "newton"]

    def mean(name, rows):
        values = [row[name] for row in rows if name in row]
        return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"

    shares = []
    for row in mine:
        same = [
            r[QUALITY]
            for r in found.figures.rows
            if r["operator"] == "retrained" and all(r[k] == row[k] for k in ("model", "seed", "request"))
        ]
        assert len(same) == 2
        shares.append({"kept": row[QUALITY] / np.mean(same)})
    assert newton["kept"] == mean("kept", shares)
    assert newton["imprint AUC, 5 %"] == mean("auc", [row for row in mine if row["request"].endswith(" 5 %")])
    assert (newton["exact?"], newton["reads"], newton[f"{QUALITY}, before"]) == ("approximate", "request", f"{0.31 * 0.995:.4f}")
    assert main[0]["toy shards (by=user shards=4)"]["reads"] == "retained"
    assert newton["CPU s, 5 %"].startswith("0.90")
    assert newton["CPU s, 1 %"].startswith("0.23")
    assert newton["cost / retraining"].startswith("0.0750")
    assert newton["training / standard"].startswith("1.03")
    assert (newton["memory, MB"], newton["n"]) == ("27.5", "30")
    assert newton["p, kept"] == "< 0.001"
    assert (main[1]["exact down-date"]["exact?"], main[0]["rows deleted"]["memory, MB"]) == ("exact", "0")


def test_the_worst_kind_is_named_below_the_imprint_and_a_lost_run_below_n(read):
    rows = {row[0].split("|")[0]: row for row in read.tables[0] if len(row) > 1}
    headings = read.tables[0][0]
    assert rows["rows deleted"][headings.index("imprint AUC, 5 %")].endswith("|worst 0.960, core")
    assert rows["ascent"][headings.index("n")] == "29|of 30"


def test_the_retrained_references_stand_first_with_their_own_spread(found, main):
    reference = main[0][REFERENCES]
    aucs = [
        r["auc"] for r in found.figures.rows if (r["model"], r["operator"]) == ("mf", "retrained") and "auc" in r and "5 %" in r["request"]
    ]
    assert len(aucs) == 4 * len(SEEDS) * 2  # four kinds are not refused
    assert reference["imprint AUC, 5 %"] == f"{np.mean(aucs):.3f} ± {np.std(aucs, ddof=1):.3f}"
    assert reference["kept"].startswith("1.000 ± 0.00")
    assert reference["n"] == str(len(REQUESTS) * len(SEEDS) * 2)


def test_what_was_not_measured_is_a_dash_and_never_a_nought(main):
    assert main[0]["NPO"]["memory, MB"] == NOTHING
    federated = main[0]["toy federated"]
    assert {federated[name] for name in ("imprint AUC, 5 %", "adaptive AUC, 5 %", "excess, 5 %", "p, imprint")} == {NOTHING}
    assert federated["kept"] != NOTHING


def test_each_request_has_its_own_table_and_a_refused_one_shows_no_imprint(found, page, read):
    tables = [by_heading(table) for table in read.tables if table[0] == list(REQUEST_COLUMNS)]
    assert len(tables) == 2 * len(REQUESTS) == page.count("<details><summary>") - 2
    core, edge = tables[REQUESTS.index("core 5 %")], tables[REQUESTS.index("edge 5 %")]
    assert core["rows deleted"]["imprint AUC"] == "0.960 ± 0.024"
    assert (core["rows deleted"]["users who asked"], core["ascent"]["users who asked"]) == ("141", "94")
    assert core["ascent"]["seeds"] == "2"
    for name, shown in (("rows_deleted", "rows deleted"), ("retrain", "retrained")):
        shares = []
        for seed in SEEDS:
            rows = [row for row in found.figures.rows if (row["model"], row["request"], row["seed"]) == ("mf", "core 5 %", seed)]
            base = np.mean([row[QUALITY] for row in rows if row["operator"] == "retrained"])
            shares += [row[QUALITY] / base for row in rows if row["operator"] == name]
        assert core[shown]["kept"] == f"{np.mean(shares):.3f} ± {np.std(shares, ddof=1):.3f}"
    for line in edge.values():
        assert {line[name] for name in ("imprint AUC", "adaptive AUC", "own-loss AUC", "TPR at 1 % FPR", "excess")} == {NOTHING}
        assert line["kept"] != NOTHING


def test_the_page_says_what_was_refused_and_what_failed_and_why(read):
    for (_, request), why in REFUSED.items():
        assert f"MF, {request}: {why}" in read.text
    assert all(line in read.text for line in FAILED)
    assert "lightgcn was left out: toy is not installed" in read.text
    assert "1 trial has not finished" in read.text


def test_the_page_says_what_was_run_how_to_repeat_it_and_what_to_know(page, read):
    assert "MovieLens 100K, 943 users, 1,682 items, 100,000 interactions" in read.text
    assert "3 (0, 1, 2); 2 retrained references" in read.text
    assert "47 (random 5 %, core 5 %, revocable 5 %, not flagged 5 %, edge 5 %); 9 (random 1 %" in read.text
    assert re.search(r"python 3\.\d+.*numpy \d", read.text)
    assert [unescape(text) for text in re.findall(r"<pre>(r2u.*?)</pre>", page)] == [COMMAND]
    assert all(note in read.text for note in NOTES)
    said = " ".join(NOTES)
    assert all(word in said for word in ("paired t tests", "Holm", "optimistic", "Exact means", "No figure here is a certificate"))
    assert "0.5: nothing to tell" in read.text
    assert "over-forgotten" in read.text
    for heading, definition in main_columns([1, 5]):
        assert heading in read.text
        assert definition in read.text


def test_the_sentence_above_the_table_names_who_keeps_and_hides(found):
    said = lead(lines_of(found, "mf"))
    assert said.startswith("1 of 7 systems keeps and hides")
    assert said.endswith("Newton, item blocks (0.075). No imprint is known of 1 of them.")
    bad = [line for line in lines_of(found, "mf") if line.title == "ascent"]
    assert lead(bad) == "None of 1 systems keeps and hides."
    assert lead([line for line in found.lines if line.family == "reference"]) == "Nothing but references has finished."


def test_nothing_from_a_run_becomes_markup():
    page = render_page(make_found(command_evil=EVIL), command=EVIL)
    read = Reader(page)
    assert "<script" not in page
    assert "script" not in {tag for tag, _ in read.tags}
    assert read.text.count(EVIL) > 20


def test_a_single_size_of_requests_gives_one_column_of_seconds(found):
    rows = [row for row in found.figures.rows if row["request"].endswith(" 5 %")]
    figures = replace(found.figures, rows=rows)
    headings = next(table[0] for table in Reader(render_page(replace(found, figures=figures), command="x")).tables)
    assert [heading for heading in headings if heading.startswith("CPU s")] == ["CPU s, 5 %"]


def test_a_run_of_which_nothing_has_finished_still_gives_a_page(found):
    nothing = replace(found, figures=Figures([], [], {}, []), lines=[], finished=0, failures=[])
    text = Reader(render_page(nothing, command="x")).text
    assert "No system has finished on MF." in text
    assert re.search(r"What was refused or failed\s+Nothing\.", text)


def test_a_recommender_without_any_imprint_gets_a_table_and_no_picture(found):
    lines = [replace(line, auc=None, adaptive_auc=None, excess=None, worst_auc=None, p_imprint=None) for line in found.lines]
    page = render_page(replace(found, lines=lines), command="x")
    assert "<svg" not in page
    assert "No imprint of any system is reported on MF" in page
    assert "rows deleted" in page


def test_data_without_a_card_are_named_as_the_preset_names_them(found):
    preset = Preset("own", {**found.preset.content, "data": "mine.csv"})
    text = Reader(render_page(replace(found, preset=preset), command="x")).text
    assert re.search(r"data\s*mine\.csv", text)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_gets_aligned_text_with_a_line_a_system(found):
    out = io.StringIO()
    print_lines(found, out)
    head, rule, *rows = out.getvalue().split("\n\n")[0].splitlines()
    spans = [m.span() for m in re.finditer("-+", rule)]
    assert [head[a:b].strip() for a, b in spans] == list(HEADINGS)
    table = [[row[a:b].strip() for a, b in spans] for row in rows]
    assert [row[0] for row in table] == [line.model for line in found.lines]
    assert [row[1].removesuffix(" (reference)") for row in table] == [label(line) for line in found.lines]
    assert [row[1].endswith(" (reference)") for row in table] == [line.family == "reference" for line in found.lines]
    npo = dict(zip(HEADINGS, table[4], strict=True))
    assert (npo["system"], npo["memory, MB"], npo["reads"], npo["exact"]) == ("NPO", NOTHING, "request", "approximate")
    assert npo["kept"].startswith("0.940 ± 0.0")
    assert all(row == row.rstrip() for row in rows)


def test_a_terminal_gets_a_drawn_table_and_a_name_is_no_markup(found, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    print_lines(replace(found, lines=[replace(found.lines[3], title="[red]Newton[/red]")]), out)
    assert "[red]Newton[/red]" in out.getvalue()
    assert "┃" in out.getvalue()


def test_a_run_without_lines_says_so(found):
    out = io.StringIO()
    print_lines(replace(found, lines=[]), out)
    assert out.getvalue() == "nothing has finished\n"
