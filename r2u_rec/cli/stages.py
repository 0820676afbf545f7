"""How far a long verb is: one bar with steps and the time left on a terminal, one line a stage elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def staged(total: int) -> Iterator[Callable[[str], None]]:
    """Yields a function that is told each stage as it begins.

    Args:
        total: stages in all.
    """
    if not sys.stderr.isatty():
        yield lambda line: print(line, file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar, begun = progress.add_task("", total=total), False

        def tell(line: str) -> None:
            nonlocal begun
            progress.update(bar, advance=1 if begun else 0, description=line)
            begun = True

        yield tell
        progress.update(bar, completed=total, description="done")
