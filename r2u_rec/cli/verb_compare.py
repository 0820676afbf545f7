"""r2u compare: methods of forgetting held against retraining, on the same requests and the same references."""

from __future__ import annotations

from collections.abc import Sequence

from r2u_rec.cli.command import Command
from r2u_rec.cli.runs import folder_for
from r2u_rec.config.errors import UsageError
from r2u_rec.registry.tables import METHODS
from r2u_rec.suggest import unknown

SECTIONS = ("data", "model", "training", "forget")
PAGE = "compare.html"


def run(argv: Sequence[str]) -> int:
    """Prints the table, and writes result, settings and page into a folder."""
    command = Command(
        "compare", "Holds methods of forgetting against retraining: the same users ask, the same retrained models judge all.", SECTIONS
    )
    add = command.parser.add_argument
    add("methods", nargs="?", metavar="METHOD,METHOD", help=f"which methods: {', '.join(METHODS)}")
    add("--requests", default="random,core", metavar="LIST", help="who asks: random, core, edge, revocable, 'not flagged'")
    add("--request_share", type=float, default=0.05, metavar="SHARE", help="share of the users who ask together (default: 0.05)")
    add("--references", type=int, default=3, metavar="N", help="retrained models a request and seed (default: 3)")
    add("--seeds", type=int, default=3, metavar="N", help="seeds, from 0 (default: 3)")
    add("--out", metavar="FOLDER", help="by default runs/compare-<date and time>")
    given = command.parse(argv)
    s, o, out = given.settings, given.options, folder_for(given.options.out, "compare")
    names = [name for name in (o.methods or "").split(",") if name]
    if not names:
        raise UsageError("name methods to compare, such as r2u compare newton,sisa,ascent")
    for name in names:
        if name not in METHODS:
            raise UsageError(unknown("method", name, METHODS))
        s.plan(arm="standard", method=name)

    from r2u_rec.config.sources import check_data, read

    check_data(s.data)
    log = read(s.data)

    from r2u_rec.api.choices import MethodChoice
    from r2u_rec.api.proofs.compare import compare
    from r2u_rec.api.recommender import Recommender
    from r2u_rec.cli.stages import staged
    from r2u_rec.config.files import write_settings
    from r2u_rec.report.table import print_table
    from r2u_rec.storage import written_whole

    requests = [kind.strip() for kind in o.requests.split(",")]
    choices = [MethodChoice(name, **changed_settings(s.plan(arm="standard", method=name))) for name in names]
    with staged(o.seeds * (len(requests) + len(names))) as say, written_whole(out, verb="compare") as part:
        found = compare(
            choices,
            Recommender(s.plan(arm="standard")),
            log,
            seeds=o.seeds,
            requests=requests,
            request_share=o.request_share,
            references=o.references,
            say=say,
        )
        write_settings(s, part)
        found.to_html(part / PAGE)
        found.rows.to_parquet(part / "rows.parquet", index=False)
    print_table(found.rows.to_dict("records"))
    print(f"page: {(out / PAGE).resolve()}")
    return 0


def changed_settings(plan: object) -> dict[str, object]:
    """Returns the method's settings that are not its defaults on this model, so that a line of the table names what was set."""
    from r2u_rec.config.plan import Plan, settings_from

    assert isinstance(plan, Plan)
    usual = settings_from(plan.method.settings, None, plan.method.name, plan.spec.method_defaults.get(plan.method.name))
    return {name: value for name, value in vars(plan.method_settings).items() if getattr(usual, name) != value}
