"""r2u score: how likely each user is to withdraw, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from r2u_rec.cli.parse import UsageError, parse, settings_of, settings_parser


def run(argv: Sequence[str]) -> int:
    """Writes user_key, score, n_records and revocable, the most likely first."""
    parser = settings_parser("score", "Writes how likely each user is to withdraw: Parquet or CSV.", ("data", "revocability"))
    parser.add_argument(
        "--out", type=str, default="scores.parquet", metavar="FILE", help="ends in .parquet or .csv (default: scores.parquet)"
    )
    given = parse(parser, argv)
    s, out = settings_of(given), Path(given.out)
    if out.suffix not in (".parquet", ".csv"):
        raise UsageError(f"--out must end in .parquet or .csv, got {out}")

    import numpy as np
    import pandas as pd

    from r2u_rec.cli import sources
    from r2u_rec.cli.cohorts import revocable_users

    log = sources.read(s.data)
    values = sources.scores(log, s.revocability, seed=s.seed)
    revocable = np.isin(np.arange(log.n_users), revocable_users(log, values, s.revocability, seed=s.seed))
    frame = pd.DataFrame({"user_key": log.user_keys.keys, "score": values, "n_records": log.user_counts, "revocable": revocable})
    frame = frame[log.user_counts > 0].sort_values("score", ascending=False, kind="stable")
    part = out.with_name(f".{out.name}.part")
    if out.suffix == ".csv":
        frame.to_csv(part, index=False)
    else:
        frame.to_parquet(part, index=False)
    part.replace(out)
    print(f"{out}: {len(frame)} users scored by {s.revocability.scorer}, {int(revocable.sum())} revocable by {s.revocability.policy}")
    return 0
