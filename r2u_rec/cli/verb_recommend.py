"""r2u recommend: the best items of users, by the caller's own keys."""

from __future__ import annotations

from collections.abc import Sequence

from r2u_rec.cli.parse import settings_of, settings_parser
from r2u_rec.cli.runs import keys_of, parse_with_run


def run(argv: Sequence[str]) -> int:
    """Prints one line a user: key, source of the answer, item keys best first, tab-separated."""
    parser = settings_parser("recommend", "Prints user, source of the answer, and items best first, separated by tabs.", takes_folder=True)
    parser.add_argument("--users", type=str, default=None, metavar="KEY,KEY", help="who is answered")
    parser.add_argument("--users_file", type=str, default=None, metavar="FILE", help="the same, one key a line")
    parser.add_argument("-k", "--k", type=int, default=10, metavar="INT", help="items a user (default: 10)")
    source, given = parse_with_run(parser, argv)
    keys = keys_of(given.users, given.users_file)

    from r2u_rec.cli import build
    from r2u_rec.recsys.serving.recommend import recommend
    from r2u_rec.storage import load

    model = settings_of(given).model
    for answer in recommend(load(source, build.task(model), expected={"model": model.name}), keys, given.k):
        print(answer.user_key, answer.source, *answer.item_keys, sep="\t")
    return 0
