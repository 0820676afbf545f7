"""r2u forget: users leave a trained model; the old run folder is not touched."""

from __future__ import annotations

from collections.abc import Sequence

from r2u_rec.cli.parse import UsageError, settings_of, settings_parser
from r2u_rec.cli.runs import folder_for, keys_of, parse_with_run, refuse_changed
from r2u_rec.cli.settings import write_settings


def run(argv: Sequence[str]) -> int:
    """Forgets a batch of users and writes a new run folder, whole or not at all."""
    parser = settings_parser("forget", "Erases users from a trained model into a new run folder.", ("forget",), takes_folder=True)
    parser.add_argument("--users", type=str, default=None, metavar="KEY,KEY", help="who is erased, forget.smallest_batch or more together")
    parser.add_argument("--users_file", type=str, default=None, metavar="FILE", help="the same, one key a line")
    parser.add_argument(
        "--interactions_file",
        type=str,
        default=None,
        metavar="FILE",
        help="single interactions in place of users: a CSV with columns user and item",
    )
    parser.add_argument("--out", default=None, metavar="FOLDER", help="the new run folder; by default runs/forget-<date and time>")
    source, given = parse_with_run(parser, argv)
    s, out, single = settings_of(given), folder_for(given.out, "forget"), given.interactions_file
    if single is not None and (given.users or given.users_file):
        raise UsageError("--interactions_file names single interactions, --users and --users_file whole users: make two requests")
    keys = [] if single is not None else keys_of(given.users, given.users_file)
    # What was trained in shards or in closed form is exact only if what is computed again is computed as it was.
    refuse_changed(parser, source, s, ("model", "training") if s.forget.operator == "sharded" else ("model",))

    from r2u_rec.cli import build
    from r2u_rec.cli.forgetting import ids_of_pairs, ids_of_people, refuse_small_batch, stored_method
    from r2u_rec.evaluate.cost import measured
    from r2u_rec.storage import load, put, written_whole

    fitted = load(source, build.task(s.model), expected={"model": s.model.name})
    records = fitted.records
    ids = ids_of_pairs(records, single) if single is not None else ids_of_people(records, keys, s.revocability)
    refuse_small_batch(records, ids, s.forget.smallest_batch)
    method = stored_method(s, fitted)
    about = {"model": s.model.name, "operator": build.operator_of(s), "exact": method.exact}
    with build.threads(s.training.threads), written_whole(out, verb="forget", about=about, parent=source) as part:
        after, cost = measured(lambda: method.forget(build.task(s.model), fitted, ids, seed=s.seed))
        put(after, part)
        write_settings(s, part)
    kind = "exact: equal to a model that never saw them" if method.exact else "approximate: measure it with r2u evaluate"
    who = f"{len(keys)} users with {len(ids)}" if keys else f"{len(ids)} single"
    print(f"forgot {who} interactions in {cost.seconds:.2f} s by {build.operator_of(s)} ({kind})")
    print(f"run folder: {out}; {source} still holds them: remove it once the new one serves")
    return 0
