"""r2u recommend: the best items of users, by the caller's own keys."""

from __future__ import annotations

from collections.abc import Sequence

from r2u_rec.cli.command import Command
from r2u_rec.cli.runs import keys_of


def run(argv: Sequence[str]) -> int:
    """Prints one line a user: key, source of the answer, item keys best first, tab-separated; control characters are escaped."""
    command = Command("recommend", "Prints user, source of the answer, and items best first, separated by tabs.", takes_run=True)
    command.parser.add_argument("--users", metavar="KEY,KEY", help="who is answered")
    command.parser.add_argument("--users_file", metavar="FILE", help="the same, one key a line")
    command.parser.add_argument("-k", "--k", type=int, default=10, metavar="INT", help="items a user (default: 10)")
    given = command.parse(argv)
    keys = keys_of(given.options.users, given.options.users_file)

    from r2u_rec.api.loading import load
    from r2u_rec.recsys.serving.recommend import recommend

    assert given.run is not None
    for answer in recommend(load(given.run).trained.fitted, keys, given.options.k):
        print(*map(shown, (answer.user_key, answer.source, *answer.item_keys)), sep="\t")
    return 0


def shown(value: object) -> str:
    """Returns the text of a key with control characters escaped, so that a line stays a line and a cell a cell."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))
