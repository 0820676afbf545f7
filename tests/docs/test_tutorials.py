"""The tutorials run from top to bottom, and print what their text says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
TUTORIALS = CHECKOUT / "docs" / "tutorials"


@pytest.fixture(scope="module")
def site() -> ModuleType:
    """The program that runs tutorials while the site is built."""
    spec = importlib.util.spec_from_file_location("tutorials", CHECKOUT / "docs" / "site" / "tutorials.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page_of(site: ModuleType, name: str, folder: Path) -> str:
    return site.as_markdown(site.executed(TUTORIALS / f"{name}.md", folder))


def test_every_tutorial_is_tested_here():
    names = {path.stem for path in TUTORIALS.glob("*.md")} - {"index"}
    assert names == set(re.findall(r'page_of\(site, "(\w+)"', Path(__file__).read_text()))


def test_outputs_stand_under_their_cells_and_progress_does_not(site):
    streams = [nbformat.v4.new_output("stream", name=name, text=f"{name} \x1b[31mred\x1b[0m\n") for name in ("stdout", "stderr")]
    table = nbformat.v4.new_output("execute_result", data={"text/html": "<style>x</style><table>\n<td>1</td>\n</table>", "text/plain": "1"})
    cells = [nbformat.v4.new_markdown_cell("# A"), nbformat.v4.new_code_cell("f()", outputs=[*streams, table])]
    page = site.as_markdown(nbformat.v4.new_notebook(cells=cells))
    assert page.startswith("# A\n\n```python\nf()\n```\n\n```text\nstdout red\n```\n\n")
    assert page.endswith('<div class="output"><table><td>1</td></table></div>\n')


def verdicts(page: str) -> dict[str, str]:
    """Returns method -> its verdict, the last one where a page prints several."""
    return dict(re.findall(r"^(?:mf|ease), .*: ([\w= ]+): (good|mixed|bad): ", page, re.MULTILINE))


@pytest.mark.slow  # an audit is several trainings
def test_train_forget_audit_refuses_one_customer_and_ends_with_an_edit_that_forgets(site, tmp_path):
    page = page_of(site, "train_forget_audit", tmp_path)
    assert "the request concerns 1 user, fewer than smallest_batch=20" in page
    assert "384 interactions of 24 users, of whom 24 lose all" in page
    first, second = (
        page.index(f"newton: {words}") for words in ("mixed: approximate, still remembered", "good: approximate, in the range")
    )
    assert first < second
    assert verdicts(page) == {"newton": "good", "exact": "good"}
    assert (tmp_path / "report.html").is_file()


@pytest.mark.slow  # twelve methods on one model
def test_own_method_stands_beside_ten_rivals_and_the_references(site, tmp_path):
    page = page_of(site, "own_method", tmp_path)
    said = verdicts(page)
    assert len(said) == 11
    assert "towards_mean" in said
    assert said["newton length=shadow"] == said["sisa"] == "good"
    assert said["rows_deleted"] == "mixed"
    assert "<th>retrained</th>" in page


@pytest.mark.slow  # three trainings, and four policies
def test_a_year_of_requests_ends_with_advice_and_four_policies(site, tmp_path):
    page = page_of(site, "a_year_of_requests", tmp_path)
    assert re.search(r"^(Take “|None of )", page, re.MULTILINE)
    for policy in ("never", "retrain by_deadline", "newton every_days=7", "auto batch=20 drift_budget=0.05"):
        assert f"<th>{policy}</th>" in page
    assert (tmp_path / "year.html").is_file()
