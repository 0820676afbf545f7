"""From finished trials to figures: one flat row a system, request and seed, and one verdict over all seeds of a system and request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from r2u_bench.rivals.systems.registry import chosen
from r2u_bench.rivals.trial import fold_in_of
from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.imprint import FoldIn
from r2u_rec.evaluate.judging import N_FOLDS, Measured, pooled, self_test, verdict_of
from r2u_rec.report.columns import RETRAINED
from r2u_rec.trials.store import Trial

REMEMBERED = "rows_deleted"
"""The system that must look remembered, or the imprint of others is not reported."""

OF_VERDICT = ("auc", "auc_se", "adaptive_auc", "own_loss_auc", "tpr_at_1fpr", "excess", "excess_se", "n_forget", "n_holdout")

Cell = tuple[str, str]
"""Recommender and request."""


@dataclass
class Outcome:
    """What one system left behind after one request on one seed, or what one retrained reference shows."""

    row: dict[str, Any]
    users: Measured | None


@dataclass
class Gathered:
    """All trials by what they are about."""

    references: dict[tuple[str, str, int], list[Outcome]] = field(default_factory=dict)
    outcomes: dict[tuple[str, str, str, int], Outcome] = field(default_factory=dict)
    fits: dict[tuple[str, str, int], dict[str, Any]] = field(default_factory=dict)


def gathered(trials: Sequence[Trial]) -> Gathered:
    """Returns references by (model, request, seed), outcomes by (model, system, request, seed), fits by (model, system, seed)."""
    out = Gathered()
    for trial in trials:
        spec = trial.spec
        model, seed = spec["model"], spec["seed"]
        users: dict[str, dict[str, FoldIn]] = {}
        for row in trial.rows:
            if row.get("what") == "users":
                users.setdefault(row["request"], {})[row["group"]] = fold_in_of(row)
        for row in trial.rows:
            if row.get("what") in ("users", "fit"):
                if row["what"] == "fit":
                    out.fits[model, spec["system"], seed] = row
                continue
            request = row["request"]
            mine = users.get(request)
            outcome = Outcome(row, (mine["forget"], mine["holdout"]) if mine else None)
            if "system" in spec:
                out.outcomes[model, spec["system"], request, seed] = outcome
            else:
                out.references.setdefault((model, request, seed), []).append(outcome)
    for found in out.references.values():
        found.sort(key=lambda outcome: outcome.row["number"])
    return out


@dataclass
class Figures:
    """What is reported.

    Attributes:
        rows: one a model, system, request and seed; those of references have the operator "retrained".
        verdicts: one a model, system and request, over the users of all seeds together.
        refused: (model, request) -> why no imprint is reported there. failed: what broke down, in words.
    """

    rows: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]
    refused: dict[Cell, str]
    failed: list[str]


def figures(trials: Sequence[Trial]) -> Figures:
    """Returns every figure of the trials. An imprint without a passed self-test of its recommender and request is left out, and said."""
    g = gathered(trials)
    cells = list(dict.fromkeys((model, request) for model, request, _ in g.references))
    refused = {cell: why for cell in cells if (why := _refusal(g, *cell))}
    rows, failed = [], []
    for (model, request, seed), references in g.references.items():
        for i, one in enumerate(references):
            others = [other for j, other in enumerate(references) if j != i]
            names = {"model": model, "system": "retrain", "title": RETRAINED, "operator": RETRAINED, "request": request}
            rows.append(_row(names, seed, one, others, (model, request) in refused) | {"number": one.row["number"]})
    for (model, system, request, seed), outcome in g.outcomes.items():
        line = chosen(system).system
        names = {"model": model, "system": system, "title": line.title, "operator": system, "request": request}
        if "failed" in outcome.row:
            failed.append(f"{line.title} on {model}, {request}, seed {seed}: {outcome.row['failed']}")
            continue
        references = g.references.get((model, request, seed), [])
        row = _row(names, seed, outcome, references, (model, request) in refused)
        fit = g.fits[model, system, seed]
        standard = g.fits.get((model, REMEMBERED, seed))
        row |= {"family": line.family, "reads": line.reads, "exact": fit["exact"], "length": fit["length"]}
        row["memory_mb"] = None if fit["memory_bytes"] is None else fit["memory_bytes"] / 1e6
        row["training_share"] = None if standard is None else fit["cpu_seconds"] / max(standard["cpu_seconds"], 1e-9)
        if references:
            row["cost_share"] = outcome.row["cpu_seconds"] / float(np.mean([r.row["cpu_seconds"] for r in references]))
        rows.append(row)
    return Figures(rows, _verdicts(g, refused), refused, failed)


def _row(names: dict[str, Any], seed: int, one: Outcome, references: Sequence[Outcome], refused: bool) -> dict[str, Any]:
    """Returns the flat row of an outcome; imprint figures where it can be held against references."""
    row = names | {"seed": seed, "split": seed} | {k: v for k, v in one.row.items() if k not in ("what", "request", "number")}
    judged = [r.users for r in references if r.users is not None]
    if refused or one.users is None or not judged or min(len(side.users) for side in one.users) < N_FOLDS:
        return row
    verdict = verdict_of(*one.users, [f for f, _ in judged], [h for _, h in judged], seed=seed)
    return row | {name: getattr(verdict, name) for name in OF_VERDICT}


def _pooled(outcomes: Sequence[Outcome]) -> Measured | None:
    users = [outcome.users for outcome in outcomes]
    if not users or any(each is None for each in users):
        return None
    return pooled([each[0] for each in users if each]), pooled([each[1] for each in users if each])


def _references(g: Gathered, model: str, request: str, seeds: Sequence[int]) -> list[Measured]:
    """Returns the references of those seeds, number by number, each over the users of all seeds."""
    each = [g.references.get((model, request, seed), []) for seed in seeds]
    found = [_pooled(of_number) for of_number in zip(*each, strict=False)] if each else []
    return [one for one in found if one is not None]


def _refusal(g: Gathered, model: str, request: str) -> str:
    """Returns why no imprint may be reported of a recommender and request; empty when the self-test passes."""
    seeds = [seed for m, s, r, seed in g.outcomes if (m, s, r) == (model, REMEMBERED, request)]
    references = _references(g, model, request, seeds)
    remembered = _pooled([g.outcomes[model, REMEMBERED, request, seed] for seed in seeds])
    if len(references) < 2 or remembered is None:
        return "there are not two retrained references and a model of which only the rows are deleted, with fold-in, on the same seeds"
    try:
        self_test([f for f, _ in references], [h for _, h in references], remembered=remembered)
    except (EvidenceError, ValueError) as error:
        return str(error)
    return ""


def _verdicts(g: Gathered, refused: Mapping[Cell, str]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, str], list[int]] = {}
    for model, system, request, seed in g.outcomes:
        groups.setdefault((model, system, request), []).append(seed)
    out = []
    for (model, system, request), seeds in groups.items():
        kept = [seed for seed in seeds if "failed" not in g.outcomes[model, system, request, seed].row]
        mine = _pooled([g.outcomes[model, system, request, seed] for seed in kept])
        references = _references(g, model, request, kept)
        if (model, request) in refused or mine is None or len(references) < 2:
            continue
        verdict = verdict_of(*mine, [f for f, _ in references], [h for _, h in references])
        names = {"model": model, "system": system, "title": chosen(system).system.title, "request": request, "n_seeds": len(kept)}
        out.append(names | {name: asdict(verdict)[name] for name in OF_VERDICT})
    return out
