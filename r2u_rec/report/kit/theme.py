"""The style of every page: colours of the light and the dark theme, under which figures and text stay readable, and the rules."""

from __future__ import annotations

from importlib import resources

from r2u_rec.report.figures.canvas import THEME

LIGHT = {variable: colour for colour, variable in THEME.items()} | {
    "--paper": "#ffffff",
    "--card": "#f6f7f9",
    "--fine": "#00684f",
    "--care": "#7a4f00",
    "--poor": "#a8201a",
}
"""Variable of a page -> its colour on white; fine, care and poor are the tones of a verdict that is good, mixed and bad."""

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
    "--card": "#1f2328",
    "--fine": "#4fd1ab",
    "--care": "#f0b35a",
    "--poor": "#ff9a90",
}
"""Variable of a page -> its colour in the dark."""

NARROW, MANY = 700, 1100
"""Pixels below which a table, and one of many columns, is shown as a list of cards: a line for each cell, so that nothing is cut off."""


def stylesheet() -> str:
    """Returns the CSS of a page: it follows the reader's light or dark theme; a page is printed in the light one."""
    rules, stacked = (resources.files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "stacked.css"))
    themes = (
        f":root {{ color-scheme: light dark; {_variables(LIGHT)} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}\n"
    )
    narrow = f"@media screen and (max-width: {NARROW}px) {{\n{stacked.replace('WHERE', 'div.scroll')}}}\n"
    many = f"@media screen and (max-width: {MANY}px) {{\n{stacked.replace('WHERE', 'div.of-many')}}}\n"
    return themes + rules + narrow + many


def _variables(colours: dict[str, str]) -> str:
    return "; ".join(f"{name}: {colour}" for name, colour in colours.items())
