"""r2u datasets: what is here, what can be had, and fetching it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from r2u_rec.cli.command import Command
from r2u_rec.config.errors import UsageError

if TYPE_CHECKING:
    from r2u_rec.data.catalogue.names import Availability


def run(argv: Sequence[str]) -> int:
    """Lists all data sets, describes one, or fetches one."""
    command = Command("datasets", "Lists the data sets that are here and that can be had; describes one; fetches it.")
    command.parser.add_argument("name", nargs="?", metavar="NAME", help="describe this one")
    command.parser.add_argument("--fetch", action="store_true", help="fetch it, unless it is here, and check it")
    given = command.parse(argv).options
    if given.name is None and given.fetch:
        raise UsageError("name the data set to fetch: r2u datasets NAME --fetch")

    from r2u_rec.data.catalogue.names import describe_dataset, fetch, list_datasets

    if given.name is None:
        _print_all(list_datasets())
        return 0
    card = describe_dataset(given.name)
    for line in (
        f"{card.name}: {card.title}",
        f"{card.kind}: {_in_words(card.counts)}",
        card.description,
        f"licence: {card.licence}",
        f"terms: {card.terms}",
        card.note,
    ):
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


def _print_all(entries: Sequence[Availability]) -> None:
    from r2u_rec.report.text_table import TextTable, print_text_table

    logs, others = [], []
    for one in entries:
        card, counts = one.card, one.card.counts
        status = "here" if one.place else "can be fetched" if one.can_be_fetched else "name its folder"
        if card.kind == "interactions":
            numbers = [f"{counts[key]:,}" if key in counts else "" for key in ("users", "items", "interactions")]
            logs.append([card.name, *numbers, status])
        else:
            others.append([card.name, card.kind, _in_words(counts), status])
    print_text_table(TextTable(("name", "users", "items", "interactions", "status"), logs, text={"status"}))
    if others:
        print()
        print_text_table(TextTable(("name", "kind", "holds", "status"), others, text={"kind", "holds", "status"}))


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {what}" for what, n in counts.items())
