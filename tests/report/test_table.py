"""One table in three media, with the same cells."""

from __future__ import annotations

import io
import re
import statistics

import pytest

from r2u_rec.report import column, markdown_table, print_table, tabulate
from r2u_rec.report.table import figure
from r2u_rec.report.text_table import TextTable, columns_that_fit


def test_a_cell_is_mean_and_standard_deviation_over_the_seeds_of_a_line(rows):
    table = tabulate(rows)
    newton = [r["auc"] for r in rows if r["operator"] == "block Newton"]
    line = next(line for line in table.lines if line.names["operator"] == "block Newton")
    cell = table.cells(line)[table.headings.index("imprint AUC")]
    assert cell == f"{statistics.fmean(newton):.3f} ± {statistics.stdev(newton):.3f}"
    assert table.cells(line)[-1] == "3"


def test_markdown_has_one_line_for_each_method_and_escapes_the_bar(rows):
    lines = markdown_table([{**r, "arm": r["arm"] + " | x"} for r in rows]).splitlines()
    assert len(lines) == 2 + 7
    assert "standard \\| x" in lines[2]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_the_usual_columns_are_quality_its_ratio_the_evidence_and_the_time(rows):
    assert tabulate(rows).columns == (
        "NDCG@20",
        "NDCG@20 / retrained",
        "auc",
        "adaptive_auc",
        "tpr_at_1fpr",
        "seconds",
        "excess",
        "max_difference",
    )


def test_names_that_no_row_has_are_left_out_and_missing_figures_are_dashes():
    table = tabulate([{"arm": "a", "operator": "none", "seed": 1, "seconds": 1.0}, {"arm": "b", "operator": "none", "seed": 1}])
    assert table.by == ("arm", "operator")
    assert [table.cells(line) for line in table.lines] == [["a", "none", "1.00", "1"], ["b", "none", "–", "1"]]


def test_outside_a_terminal_the_table_is_plain_aligned_text(rows):
    out = io.StringIO()
    print_table(rows, file=out)
    lines = out.getvalue().split("\n\n")[0].splitlines()
    assert "\x1b" not in out.getvalue()
    assert len(lines) == 2 + 7
    assert len({len(line) for line in lines}) == 1
    assert "Ready2Unlearn" in out.getvalue()


def test_in_a_terminal_the_table_is_drawn_with_the_same_figures(rows, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "240")
    out = io.StringIO()
    print_table(rows, file=out)
    assert "┃" in out.getvalue()
    newton = [r["NDCG@20"] for r in rows if r["operator"] == "block Newton"]
    assert f"{statistics.fmean(newton):.4f} ± {statistics.stdev(newton):.4f}" in out.getvalue()


def test_a_table_of_nothing_and_of_unknown_columns_is_refused(rows):
    with pytest.raises(ValueError, match="at least one row, got 0"):
        tabulate([])
    with pytest.raises(ValueError, match="no row has ndgc: there are NDCG@20, adaptive_auc"):
        tabulate(rows, columns=["ndgc"])
    with pytest.raises(ValueError, match="no row has planet"):
        tabulate(rows, by=["planet"])


@pytest.mark.parametrize(
    ("values", "digits", "text"),
    [
        ((0.25, None), 3, "0.250"),
        ((0.25, 0.01), 3, "0.250 ± 0.010"),
        ((3e-13, 1e-14), 2, "3.0e-13 ± 1.0e-14"),
        ((0.0, 0.0), 2, "0.00 ± 0.00"),
    ],
)
def test_figures_keep_their_digits_and_tiny_ones_their_size(values, digits, text):
    from r2u_rec.report import Spread

    mean, sd = values
    assert figure(Spread(mean, sd, mean, 2, mean, mean), digits) == text
    assert figure(None, digits) == "–"


@pytest.mark.parametrize(
    "name", ["auc", "adaptive_auc", "tpr_at_1fpr", "excess", "NDCG@20", "Recall@10", "MRR@5", "Hit@1", "Precision@20", "seconds"]
)
def test_every_usual_column_has_a_definition(name):
    assert len(column(name).definition) > 30
    assert "retrained" in column(f"{name} / retrained").definition


def test_an_unknown_column_is_shown_under_its_own_name():
    assert column("bytes_read").label == "bytes read"


@pytest.mark.parametrize("width", [48, 80, 120, 400])
def test_in_a_terminal_of_any_width_no_line_is_too_long_and_no_figure_is_cut_or_broken(rows, monkeypatch, width):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    out = io.StringIO()
    print_table(rows, file=out)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert max(map(len, shown.splitlines())) <= width
    assert "…" not in shown
    table = tabulate(rows)
    for line in table.lines:
        assert all(cell in shown for cell in table.cells(line)[len(table.by) :])


def test_columns_that_do_not_fit_go_on_below_with_the_names_repeated():
    table = TextTable(("name", "one", "two", "three"), [["a", "1" * 10, "2" * 10, "3" * 10]])
    assert columns_that_fit(table, 100) == [[0, 1, 2, 3]]
    assert columns_that_fit(table, 40) == [[0, 1, 2], [0, 3]]
    assert columns_that_fit(table, 20) == [[0, 1], [0, 2], [0, 3]]


def test_references_are_labelled_as_such(rows):
    out = io.StringIO()
    print_table(rows, file=out)
    assert out.getvalue().count("retrained (reference)") == 2
    assert "(reference)" not in markdown_table(rows)
