"""The style of every page: colours of the light and the dark theme, under which figures and text stay readable, and the rules."""

from __future__ import annotations

from importlib import resources

from r2u_rec.report.figures.canvas import THEME

DARK = {
    "--ink": "#e8eaed",
    "--muted": "#9aa4af",
    "--grid": "#353b43",
    "--paper": "#16191d",
    "--s0": "#5db2ee",
    "--s1": "#ff9355",
    "--s2": "#3fc79f",
    "--s3": "#e692c4",
    "--s4": "#d3ae45",
    "--s5": "#a9a4f5",
    "--s6": "#a3c47e",
    "--s7": "#f2808e",
}
"""Variable of a page -> its colour in the dark."""


def stylesheet() -> str:
    """Returns the CSS of a page: it follows the reader's light or dark theme and sets every variable of `canvas.THEME`."""
    light = {variable: colour for colour, variable in THEME.items()} | {"--paper": "#ffffff"}
    rules = resources.files("r2u_rec.report.kit").joinpath("page.css").read_text(encoding="utf-8")
    by_day = f"{_variables(light)}; --card: #f6f7f9; --good: #00684f; --warn: #9a3b00"
    by_night = f"{_variables(DARK)}; --card: #1f2328; --good: #4fd1ab; --warn: #ff9f6b"
    return f":root {{ color-scheme: light dark; {by_day} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {by_night} }} }}\n{rules}"


def _variables(colours: dict[str, str]) -> str:
    return "; ".join(f"{name}: {colour}" for name, colour in colours.items())
