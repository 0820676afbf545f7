"""Tutorials are notebooks kept as text: the site runs them while it is built, and shows what their cells print.

python docs/site/tutorials.py docs/tutorials/train_forget_audit.md notebook.ipynb    # the same page as a notebook
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import jupytext
from nbclient import NotebookClient

SECONDS = 600
"""Longest that one cell may take."""

WIDTH = 88
"""Letters of a line of printed sentences."""


def executed(path: Path, folder: Path) -> Any:
    """Returns the notebook with the outputs of its cells.

    Args:
        path: a notebook as jupytext's Markdown.
        folder: where it runs; what it writes stays there.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    notebook = jupytext.read(path)
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def as_markdown(notebook: Any) -> str:
    """Returns the page: text, code, and under each cell what it printed."""
    return "\n\n".join(part for cell in notebook.cells for part in _parts(cell)) + "\n"


def _parts(cell: Any) -> list[str]:
    if cell.cell_type == "markdown":
        return [cell.source]
    if cell.cell_type != "code":
        return []
    return [f"```python\n{cell.source}\n```", *(text for output in cell.outputs if (text := _output(output)))]


def _output(output: Any) -> str:
    """Returns one output as Markdown; nothing for what is written to stderr, such as progress."""
    if output.output_type == "stream":
        return "" if output.name == "stderr" else _block(output.text)
    if output.output_type not in ("execute_result", "display_data"):
        return ""
    data = output.data
    if "image/png" in data:
        picture = data["image/png"].replace("\n", "")
        return f'<div class="output"><img alt="output" src="data:image/png;base64,{picture}"></div>'
    if "text/html" in data:
        html = re.sub(r"<style.*?</style>", "", data["text/html"], flags=re.DOTALL)
        return f'<div class="output">{"".join(line.strip() for line in html.splitlines())}</div>'
    return _block(data["text/plain"])


def _block(text: str) -> str:
    """Returns printed text as a block: sentences wrapped, tables, which have columns, as they are."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip().splitlines()
    plain = "\n".join(line if "  " in line.strip() else textwrap.fill(line, WIDTH) for line in lines)
    return f"```text\n{plain}\n```" if plain else ""


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str | None:
    """Runs a tutorial and returns its page; called by mkdocs for every page."""
    if not page.file.src_uri.startswith("tutorials/") or "jupyter" not in page.meta:
        return None
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return as_markdown(executed(Path(page.file.abs_src_path), Path(folder)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python docs/site/tutorials.py TUTORIAL.md NOTEBOOK.ipynb")
    jupytext.write(jupytext.read(sys.argv[1]), sys.argv[2])
