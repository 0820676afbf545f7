"""r2u score: how likely each user is to withdraw, as a table; why one user has their score; and whom the scores fall upon."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r2u_rec.cli.command import Command
from r2u_rec.config.errors import UsageError
from r2u_rec.config.settings import Settings
from r2u_rec.optional import needed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from r2u_rec.data.log import InteractionLog
    from r2u_rec.revocability.scoring import Scored

_OUT = "scores.parquet"


def run(argv: Sequence[str]) -> int:
    """Writes user_key, score, n_records and revocable, the most likely first; or answers a question about the scores."""
    command = Command("score", "Writes how likely each user is to withdraw: Parquet or CSV.", ("data", "revocability"))
    add, only = command.parser.add_argument, "; writes scores only with --out"
    add("--out", metavar="FILE", help=f"ends in .parquet or .csv (default: {_OUT})")
    add("--parts", action="store_true", help="write the quantities that scores are made of as columns too")
    add("--explain", metavar="USER", help=f"print why this user has the score{only}")
    add("--fairness", metavar="COLUMN,COLUMN", help=f"print who is flagged by group of the user information{only}")
    add("--list", action="store_true", help="print the scorers and what each needs")
    parsed = command.parse(argv)
    given = parsed.options
    if given.list:
        _print_scorers()
        return 0
    s, asks = parsed.settings, given.explain is not None or given.fairness is not None
    out = Path(given.out or _OUT) if given.out or not asks else None
    if out is not None and out.suffix not in (".parquet", ".csv"):
        raise UsageError(f"--out must end in .parquet or .csv, got {out}")

    if out is not None and s.revocability.scorer == "learned":
        needed("matplotlib", "the calibration plot of a learned scorer")  # before anything slow

    from r2u_rec.config import sources
    from r2u_rec.revocability import scoring

    sources.check_data(s.data)
    log = sources.read(s.data)
    code = None
    if given.explain is not None:
        from r2u_rec.revocability.reports.explain import user_code

        code = user_code(log, given.explain)  # before anything slow
    found = scoring.scored(log, s.revocability, seed=s.seed)
    users = scoring.flagged(log, found, s.revocability, seed=s.seed)
    _print_findings(log, found)
    if code is not None:
        _print_explanation(log, found, users, s, code)
    if given.fairness is not None:
        _print_fairness(log, found, users, s, [name.strip() for name in given.fairness.split(",")])
    if out is not None:
        _write(log, found, users, s, out, with_parts=given.parts)
    return 0


def _write(log: InteractionLog, found: Scored, users: NDArray[np.int64], s: Settings, out: Path, *, with_parts: bool) -> None:
    import numpy as np
    import pandas as pd

    from r2u_rec.revocability import scoring

    revocable = np.isin(np.arange(log.n_users), users)
    frame = pd.DataFrame(
        {"user_key": log.user_keys.keys, "score": found.ruled.scores, "n_records": log.user_counts, "revocable": revocable}
    )
    if found.ruled.rules:
        frame["score_before_rules"] = found.raw
    if found.chances is not None:
        frame[["low", "high"]] = found.chances[["low", "high"]].to_numpy()
    if with_parts:
        table = scoring.scored_features(log, found, s.revocability, seed=s.seed, every=True)
        more = [name for name in table.columns if name not in frame.columns]
        frame[more] = table[more].to_numpy()
        for name, reason in table.attrs.get("absent", {}).items():
            print(f"part {name} is absent: {reason}")
    frame = frame[log.user_counts > 0].sort_values("score", ascending=False, kind="stable")
    part = out.with_name(f".{out.name}.part")
    frame.to_csv(part, index=False) if out.suffix == ".csv" else frame.to_parquet(part, index=False)
    part.replace(out)
    r = s.revocability
    print(f"{out}: {int(frame['score'].notna().sum())} users scored by {r.scorer}, {int(revocable.sum())} revocable by {r.policy}")
    if found.learned is not None:
        _write_plot(found.learned, out.with_suffix(".calibration.png"))


def _write_plot(learned: Any, path: Path) -> None:
    from r2u_rec.report.figures.calibration import write_calibration_plot

    v = learned.validation
    came = f"{v.n_events} of {v.n:,} users withdrew within {learned.settings.horizon_days:g} days"
    notes = [f"AUC {v.auc}, Brier skill {v.brier_skill}", came]
    write_calibration_plot(v.table.to_dict("records"), path, notes=notes)
    print(f"{path}: predicted and observed withdrawals of the last cut-off, which the scorer had not seen")


def _print_findings(log: InteractionLog, found: Scored) -> None:
    """What a learned scorer is worth, which way a score points, and whom the rules concern."""
    if found.learned is not None:
        import pandas as pd

        made = found.learned
        at = (*made.cutoffs.training, made.cutoffs.calibration, made.cutoffs.validation)
        days = [str(pd.Timestamp(time, unit="s").date()) for time in at]
        print(f"learned from {made.n_events} withdrawals in {made.n_training:,} rows at {', '.join(days[:-2])}; calibrated at {days[-2]}")
        print(f"validated at {days[-1]}: {made.validation.words()}")
        for row in made.weights().head(8).itertuples():
            print(f"  {row.weight:+.2f} [{row.low:+.2f}, {row.high:+.2f}]  {row.feature}  (log odds a standard deviation of the rank)")
    if found.entry.sign < 0:
        print(f"mind: a high score by {found.entry.name} speaks against a withdrawal, and a policy calls the highest revocable")
    for row in found.ruled.table().itertuples():
        print(f"rule {row.Index + 1}: {row.rule}: {row.n_matched:,} users match, {row.n_applied:,} are concerned")


def _print_explanation(log: InteractionLog, found: Scored, users: NDArray[np.int64], s: Settings, code: int) -> None:
    from r2u_rec.revocability import scoring
    from r2u_rec.revocability.reports.explain import explain
    from r2u_rec.revocability.reports.explanation_text import explanation_text

    table = scoring.scored_features(log, found, s.revocability, seed=s.seed, every=False)
    effects, interval = scoring.effects(found, code)
    behind = {"parts": table, "effects": effects, "interval": interval, "policy": scoring.policy_words(s.revocability)}
    told = explain(log, code, scorer=found.entry, raw=found.raw, ruled=found.ruled, users=users, **behind)
    print(explanation_text(told))


def _print_fairness(log: InteractionLog, found: Scored, users: NDArray[np.int64], s: Settings, columns: list[str]) -> None:
    from r2u_rec.report.text_table import TextTable, print_text_table
    from r2u_rec.revocability import scoring
    from r2u_rec.revocability.reports.fairness import fairness
    from r2u_rec.revocability.reports.fairness_table import fairness_note, fairness_tables

    outcomes = scoring.later_withdrawals(log, found)
    figures = fairness(found.ruled.scores, users, log.user_info, columns, outcomes=outcomes, seed=s.seed)
    for (headings, rows), n_names in zip(fairness_tables(figures), (2, 1), strict=True):
        print_text_table(TextTable(headings, rows, n_names, text={"by"}))
        print()
    print(fairness_note(figures))


def _print_scorers() -> None:
    from r2u_rec.report.text_table import TextTable, print_text_table
    from r2u_rec.revocability.learned.scorer import LEARNED
    from r2u_rec.revocability.scorers.registry import REGISTRY

    entries = [*REGISTRY.values(), *([] if LEARNED.name in REGISTRY else [LEARNED])]
    headings = ("scorer", "range", "unit", "needs")
    print_text_table(TextTable(headings, [(e.name, e.range, e.unit, ", ".join(e.needs) or "nothing") for e in entries], text=headings))
