"""r2u datasets: what is here, what can be had, and fetching it."""

from __future__ import annotations

from collections.abc import Sequence

from r2u_rec.cli.parse import UsageError, bare_parser, parse


def run(argv: Sequence[str]) -> int:
    """Lists all data sets, describes one, or fetches one."""
    parser = bare_parser("datasets", "Lists the data sets that are here and that can be had.", "[NAME] [--fetch]")
    parser.add_argument("name", type=str, nargs="?", default=None, help="describe this one")
    parser.add_argument("--fetch", action="store_true", help="fetch it, unless it is here, and check it")
    given = parse(parser, argv)
    if given.name is None and given.fetch:
        raise UsageError("name the data set to fetch: r2u datasets NAME --fetch")

    from r2u_rec.data.catalogue import describe, fetch, list_datasets

    if given.name is None:
        _print_all(list_datasets())
        return 0
    card = describe(given.name)
    counts = ", ".join(f"{n:,} {what}" for what, n in card.counts.items())
    for line in (f"{card.name}: {card.title}", counts, card.description, f"licence: {card.licence}", f"terms: {card.terms}", card.note):
        if line:
            print(line)
    if given.fetch:
        print(f"here: {fetch(given.name)}")
        return 0
    here = next(one for one in list_datasets() if one.card.name == card.name)
    print(
        f"here: {here.place}"
        if here.place
        else f"not here; fetch it with: r2u datasets {card.name} --fetch"
        if here.can_be_fetched
        else "not here"
    )
    return 0


def _print_all(entries: Sequence[object]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "users", "items", "interactions", "status", box=None, pad_edge=False)
    for one in entries:
        counts = one.card.counts  # type: ignore[attr-defined]
        numbers = [f"{counts[key]:,}" if key in counts else "" for key in ("users", "items", "interactions")]
        status = "here" if one.place else "can be fetched" if one.can_be_fetched else "name its folder"  # type: ignore[attr-defined]
        table.add_row(one.card.name, *numbers, status)  # type: ignore[attr-defined]
    Console(highlight=False).print(table)
