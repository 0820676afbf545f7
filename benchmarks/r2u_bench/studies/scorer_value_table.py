"""The result files of the study `scorer_value`: every scorer by who asks, and, over all scorers, what flagging the right ones buys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from r2u_bench.studies.forgetting_judge import ASCENT, SHADOW_CANARIES  # beside this file
from r2u_bench.studies.scorer_value_plot import draw
from r2u_bench.studies.scorer_value_population import (
    ANYONE,
    EVERYONE,
    FLAGGED,
    KINDS,
    RANDOM_HALF,
    STANDARD,
    UNFLAGGED,
    UNIFORM,
    kind_of,
)
from r2u_rec.evaluate.statistics import paired_test
from r2u_rec.holm import holm
from r2u_rec.report import write_benchmark
from r2u_rec.report.columns import RETRAINED
from r2u_rec.report.table import markdown_table
from r2u_rec.study.halves import lower, top

Cells = dict[tuple[int, str, str], float]
"""(seed, request, arm) -> NDCG@20."""

BEFORE, OVER_STANDARD, OVER_RANDOM = "NDCG@20 before", "gain over standard", "gain over random half"
COLUMNS = (BEFORE, "NDCG@20", "NDCG@20 / retrained", OVER_STANDARD, OVER_RANDOM, "flagged_share", "auc")
THAT, ANOTHER, SOME = "prepared by that scorer", "prepared by another scorer", "prepared by a scorer"
NO_SCORER = {STANDARD: "standard", EVERYONE: "prepared for everyone", UNIFORM: "prepared for a random half"}
QUESTION = "What is kept when plain ascent has forgotten a tenth of the users, by whom the model was prepared for and who asks?"


def show(studied: dict[int, dict[str, Any]], s: dict[str, Any]) -> str:
    """Returns both tables and the notes, for a trial; nothing is written."""
    rows = gains([row for found in studied.values() for row in found["rows"]])
    tables = [
        markdown_table(over_scorers(rows), by=("requests_from", "arm"), columns=COLUMNS),
        markdown_table(by_scorer(rows), by=("arm", "requests_from"), columns=(*COLUMNS, "halves_overlap")),
    ]
    return "\n\n".join([*tables, *notes(rows, s)])


def write(studied: dict[int, dict[str, Any]], s: dict[str, Any], results: Path, picture: Path) -> Path:
    """Writes scorer_value.json, main_scorer_value.json, which is the table of the README, and the picture; returns the first path."""
    rows = gains([row for found in studied.values() for row in found["rows"]])
    common = {
        "question": QUESTION,
        "command": "r2u bench scorer_value",
        "settings": s,
        "seeds": list(studied),
        "split_hashes": {f"{part}, seed {seed}": value for seed, f in studied.items() for part, value in f["split_hashes"].items()},
    }
    every = by_scorer(rows)
    draw(every, picture)
    main = over_scorers(rows)
    write_benchmark(
        results, "main_scorer_value", figures=main, by=("requests_from", "arm"), columns=COLUMNS, notes=[SPREAD, *notes(rows, s)], **common
    )
    columns = (*COLUMNS, "halves_overlap")
    return write_benchmark(results, "scorer_value", figures=every, by=("arm", "requests_from"), columns=columns, notes=[SPREAD], **common)


SPREAD = (
    "Prepared models and standard: after plain ascent to an imprint AUC of .55, and beside it their quality before any request; gains are "
    "differences of NDCG@20 at the same request and seed. The spread is over seeds and scorers together."
)


def cells(rows: list[dict[str, Any]], operator: str) -> Cells:
    return {(r["seed"], r["request"], r["arm"]): r["NDCG@20"] for r in rows if r["operator"] == operator and r.get("NDCG@20") is not None}


def gains(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the rows with the quality before the request, and the differences from two models that no scorer helped to prepare."""
    before, after = cells(rows, "none"), cells(rows, ASCENT)
    out = []
    for row in rows:
        seed, request, arm = (row[key] for key in ("seed", "request", "arm"))
        more: dict[str, Any] = {}
        if row["operator"] in (ASCENT, SHADOW_CANARIES):
            more[BEFORE] = before[seed, request, arm]
        if row["operator"] == ASCENT and "NDCG@20" in row:
            for name, other in ((OVER_STANDARD, STANDARD), (OVER_RANDOM, UNIFORM)):
                if arm != other and (seed, request, other) in after:
                    more[name] = row["NDCG@20"] - after[seed, request, other]
        out.append(row | more)
    return out


def by_scorer(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the rows of the full table: each scorer by who asks; with the references and those prepared without a scorer."""
    out = []
    for row in rows:
        kind = kind_of(row["arm"], row["request"])
        if row["operator"] == "none" or kind is None:
            continue
        out.append(row | {"arm": named(row), "requests_from": kind})
    arms = list(dict.fromkeys(row["arm"] for row in out))  # scorers stay in the order of the settings
    return sorted(out, key=lambda row: (_place(row["arm"]), arms.index(row["arm"]), KINDS.index(row["requests_from"])))


def named(row: dict[str, Any]) -> str:
    """Returns how the row's way of training, or of forgetting, is called in a table."""
    if row["operator"] == RETRAINED:
        return RETRAINED
    if row["operator"] == SHADOW_CANARIES:
        return "standard, then the Newton step"
    return NO_SCORER.get(row["arm"]) or f"prepared by {row['arm'].replace('_', ' ')}"


def _place(name: str) -> int:
    first = (RETRAINED, "standard, then the Newton step", *NO_SCORER.values(), ANOTHER, SOME, THAT)
    return first.index(name) if name in first else len(first)


def over_scorers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the rows of the short table: all scorers alike, at the same requests."""
    out = []
    for row in rows:
        group = kind_of(STANDARD, row["request"])
        if row["operator"] == "none" or group == RANDOM_HALF:
            continue
        if row["arm"] not in NO_SCORER:
            own = row["request"] in (top(row["arm"]), lower(row["arm"]))
            row = row | {"arm": SOME if group == ANYONE else THAT if own else ANOTHER}
        else:
            row = row | {"arm": named(row)}
        out.append(row | {"requests_from": group})
    order = (FLAGGED, UNFLAGGED, ANYONE)
    return sorted(out, key=lambda row: (order.index(row["requests_from"]), _place(row["arm"])))


def notes(rows: list[dict[str, Any]], s: dict[str, Any]) -> list[str]:
    """Returns the paired differences that answer the question, each a mean over scorers within a seed, and what was not reached."""
    seeds = sorted({row["seed"] for row in rows})
    found = list(differences(rows, s))
    tested = [np.array([of(seed) for seed in seeds]) for _, of in found]
    p_values = holm([paired_test(d, np.zeros_like(d)).p_value for d in tested]) if len(seeds) > 1 else [float("nan")] * len(found)
    out = []
    for (what, _), d, p in zip(found, tested, p_values, strict=True):
        out.append(f"{what}: NDCG@20 {d.mean():+.4f} (by seed {', '.join(f'{x:+.4f}' for x in d)}; Holm-corrected p = {p:.2g}).")
    missed = [f"{named(row)}, {row['request']}, seed {row['seed']}" for row in rows if row.get("reached") is False]
    return out + ([f"An imprint AUC of .55 was not reached in {s['ascent']['steps']} steps: {'; '.join(missed)}."] if missed else [])


def differences(rows: list[dict[str, Any]], s: dict[str, Any]) -> Iterator[tuple[str, Callable[[int], float]]]:
    """Yields what is compared, and its value in a seed."""
    after, before = cells(rows, ASCENT), cells(rows, "none")
    scorers = [name for name in s["scorers"] if name != UNIFORM]

    def mean(seed: int, half: Callable[[str], str], other: Callable[[str], list[str]]) -> float:
        """Mean over scorers of the own model less the mean of the others', at requests from that half."""
        each = []
        for name in scorers:
            mine, rest = after.get((seed, half(name), name)), [after.get((seed, half(name), arm)) for arm in other(name)]
            if mine is not None and None not in rest:
                each.append(mine - np.mean(rest))
        return float(np.mean(each))

    def against(half: Callable[[str], str], *arms: str) -> Callable[[int], float]:
        return lambda seed: mean(seed, half, lambda name: list(arms) or [other for other in scorers if other != name])

    yield "Asked by those whom the scorer flags, prepared by that scorer less standard", against(top, STANDARD)
    yield "The same, less prepared by another scorer", against(top)
    yield "The same, less prepared for a random half", against(top, UNIFORM)
    yield "The same, less prepared for everyone", against(top, EVERYONE)
    yield "Asked by those whom it does not flag, prepared by that scorer less standard", against(lower, STANDARD)
    yield "The same, less prepared for a random half", against(lower, UNIFORM)
    yield "The same, less prepared for everyone", against(lower, EVERYONE)
    if UNIFORM in s["scorers"]:

        def being_flagged(seed: int) -> float:
            gained = [after[seed, half(UNIFORM), UNIFORM] - after[seed, half(UNIFORM), STANDARD] for half in (top, lower)]
            return gained[0] - gained[1]

        yield "A random half: the gain over standard when it asks, less the gain when the other half asks", being_flagged
    yield (
        "Before any request, prepared by a scorer less standard",
        lambda seed: float(np.mean([before[seed, ANYONE, name] - before[seed, ANYONE, STANDARD] for name in scorers])),
    )
