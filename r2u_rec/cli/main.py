"""Entry point of `r2u`."""

from __future__ import annotations


def main() -> int:
    """Runs the verb that the command line names."""
    raise SystemExit("r2u: the verbs are not wired yet")
