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
