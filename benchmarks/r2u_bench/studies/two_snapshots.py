"""What two snapshots of a model, before and after an erasure, tell about the histories of the users who were erased between them.

    r2u bench two_snapshots     # settings in two_snapshots.yaml and, for data and recipe, forgetting.yaml

Ranks all items by how likely they were in an erased user's history, by attackers who know more and more, for one user
erased alone and for several erased together. 0.5 is chance, 1 gives the whole history away. Which formula an attacker uses is
chosen on seeds that are not reported. Writes results/two_snapshots.json, and its main lines to results/main_two_snapshots.json.
Finished seeds are kept in --work.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
import yaml

from r2u_bench.studies.forgetting_arms import task_of, trained  # beside this file
from r2u_bench.studies.forgetting_split import build_study
from r2u_rec.core.protocols import Fitted
from r2u_rec.evaluate.snapshot_attacks import COUNTS, MATRICES, OF_ANYBODY, OF_ONE_USER, OLD_MODEL, OWN_VECTOR, TABLES
from r2u_rec.evaluate.snapshots import Areas, attack_areas, matrix_areas, snapshots
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.report import write_benchmark
from r2u_rec.rng import stream
from r2u_rec.study.flagged import FLAGGED
from r2u_rec.study.study import Study
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.post_hoc import PostHoc

HERE = Path(__file__).resolve().parent
MAIN = (COUNTS, OLD_MODEL, TABLES, MATRICES, OWN_VECTOR)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/two_snapshots"), help="where finished seeds are kept")
    parser.add_argument("--results", type=Path, default=HERE.parent / "results")
    a = parser.parse_args(argv)
    own, s = (yaml.safe_load((HERE / f"{name}.yaml").read_text()) for name in ("two_snapshots", "forgetting"))
    settings = own | {key: s[key] for key in ("request_share",)} | s[own["dataset"]]
    full = s | s[own["dataset"]] | own
    a.work.mkdir(parents=True, exist_ok=True)
    mark = settings | {"attacks": [attack for _, attack in OF_ANYBODY | OF_ONE_USER]}
    found = {
        seed: _kept(a.work / f"{seed}.json", mark, lambda seed=seed: seed_rows(seed, full)) for seed in own["chosen_on"] + own["seeds"]
    }
    chosen = stronger([row for seed in own["chosen_on"] for row in found[seed]])
    rows = [row for seed in own["seeds"] for row in found[seed] if chosen[_line(row)] == row["attack"]]
    common = {
        "question": "How well does who has the model from before and after an erasure rank an erased user's history?",
        "command": "r2u bench two_snapshots",
        "settings": settings | {"attacks": {", ".join(map(str, line)): attack for line, attack in chosen.items()}},
        "seeds": own["seeds"],
        "by": ("operator", "erased_together", "attacker"),
        "columns": ("snapshot_auc", "snapshot_highest", "users_judged"),
        "notes": NOTES,
    }
    main_rows = [row for row in rows if row["operator"] in ("Newton step", "EASE, exact") and row["attacker"] in MAIN]
    write_benchmark(a.results, "main_two_snapshots", figures=main_rows, **common)
    print(write_benchmark(a.results, "two_snapshots", figures=rows, **common))


NOTES = [
    "Counts of items rank anybody's history, and the old model with the user's vector ranks what it was trained on: what the second "
    "snapshot adds is what lies above those two. Each attacker knows more than the one before, but not every attack uses all that is "
    "known: a line may lie below the one before it.",
    "Two versions of what everyone is served from, and no user vector, give a single erasure away, by an exact method too; what twenty "
    "who are erased together had is told within .04 of what the counts of items tell. Who also has the user's old vector reads most "
    "of it from the old model alone, and with the second snapshot nearly all, from 94 erased together too: a batch protects against "
    "published item tables, not against a leaked user table.",
    "Retraining, with the seed of the model before, is judged after rotating the new item table onto the old one where that helps. "
    "EASE has no user vectors: its Gram matrix is recovered from each version of its weights, and falls where something was erased.",
]


def seed_rows(seed: int, s: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns one row for each operator, size of the request, attacker and attack: the mean over the users judged."""
    study, task = build_study(s["dataset"], seed, s), task_of(s)
    model = trained("standard", s, study, study.records, seed)[0]
    unlearner = BlockNewton(**s["newton"])
    fitted = Fitted(model, study.records, unlearner.remember(task, model, study.records, seed=seed))
    newton = PostHoc(None, unlearner)
    rows = []
    for size, users in requests(study, s["requests"], seed):
        after = newton.forget(task, fitted, study.records.ids_of_users(users), seed=seed).model
        rows += list(judged("Newton step", size, users, model, after, study, seed))
    for size, users in requests(study, s["retrained_requests"], seed):
        left = study.records.drop(study.records.ids_of_users(users))
        rows += list(judged("retraining", size, users, model, trained("standard", s, study, left, seed)[0], study, seed))
    rows += list(_ease(study, s, seed))
    print(f"seed {seed} done", file=sys.stderr, flush=True)
    return means(rows)


def requests(study: Study, wanted: dict[int, int], seed: int) -> Iterator[tuple[int, Any]]:
    """Yields (size, users) of disjoint requests of each size, drawn from the users who ask in forgetting.py."""
    for size, n in wanted.items():
        order = stream(seed, "two snapshots", size).permutation(study.request(FLAGGED).forget)
        yield from ((size, np.sort(order[i * size : (i + 1) * size])) for i in range(n))


def judged(operator: str, size: int, users: Any, before: Any, after: Any, study: Study, seed: int) -> Iterator[dict[str, Any]]:
    """Yields each user's AUC by each attack."""
    (vectors, old), (_, new) = ([t.detach().numpy() for t in model.tables()] for model in (before, after))
    seen = snapshots(old, new, vectors[users], study.records.item_counts)
    yield from _rows(operator, size, seed, attack_areas(seen, study.records.matrix()[users]))


def _ease(study: Study, s: dict[str, Any], seed: int) -> Iterator[dict[str, Any]]:
    method = Ease(reg=s["ease_reg"])
    fitted = method.fit(None, study.records, seed=seed)
    for size, users in requests(study, s["requests"], seed):
        after = method.forget(None, fitted, study.records.ids_of_users(users), seed=seed)
        weights = [model.weights.numpy() for model in (fitted.model, after.model)]
        areas = matrix_areas(*weights, study.records.matrix()[users], study.records.item_counts)
        yield from _rows("EASE, exact", size, seed, areas)


def _rows(operator: str, size: int, seed: int, areas: Areas) -> Iterator[dict[str, Any]]:
    for (attacker, attack), values in areas.items():
        names = {"operator": operator, "erased_together": size, "attacker": attacker, "attack": attack, "seed": seed}
        yield from (names | {"auc": float(value)} for value in values)


def means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        groups.setdefault(tuple(v for key, v in row.items() if key != "auc"), []).append(row["auc"])
    names = ("operator", "erased_together", "attacker", "attack", "seed")
    return [
        dict(zip(names, key, strict=True))
        | {"snapshot_auc": float(np.mean(found)), "snapshot_highest": float(np.max(found)), "users_judged": len(found)}
        for key, found in groups.items()
    ]


def _line(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["operator"], row["erased_together"], row["attacker"]


def stronger(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], str]:
    """Returns the attack with the highest mean AUC for each operator, size and attacker."""
    found: dict[tuple[Any, ...], dict[str, list[float]]] = {}
    for row in rows:
        found.setdefault(_line(row), {}).setdefault(row["attack"], []).append(row["snapshot_auc"])
    return {line: max(attacks, key=lambda a: np.mean(attacks[a])) for line, attacks in found.items()}


def _kept(path: Path, settings: dict[str, Any], make: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    mark = json.loads(json.dumps(settings))
    if path.exists() and (found := json.loads(path.read_text()))["settings"] == mark:
        return found["rows"]
    rows = make()
    path.write_text(json.dumps({"settings": mark, "rows": rows}))
    return rows


if __name__ == "__main__":
    main()
