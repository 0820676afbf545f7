"""One line a system and recommender over all requests and seeds, with paired tests against retraining."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from r2u_bench.rivals.requests import K
from r2u_bench.rivals.systems.registry import recommender
from r2u_rec.evaluate.statistics import paired_test
from r2u_rec.holm import holm
from r2u_rec.registry.specs import FAMILIES
from r2u_rec.report.columns import RETRAINED
from r2u_rec.report.evidence import Spread, spread

QUALITY = f"NDCG@{K}"

CLOSE = 0.01
"""Utility lost at most, as a share of retraining's, by what is said to keep it."""

HIDDEN = 0.60
"""Adaptive AUC at most, of what is said to hide who left."""


@dataclass(frozen=True)
class Line:
    """What a system keeps, leaves behind and costs on one recommender; spreads are over requests and seeds.

    Attributes:
        utility: NDCG@20 of those who stay, over that of the retrained references of the same request and seed.
        auc, adaptive_auc, excess: of the largest requests, seed by seed; None where nothing may be reported.
        worst_auc: of the verdicts over all seeds, the one farthest from .5, and its request.
        seconds, cost_share: processor seconds of a request, and over those of retraining for it; of the largest requests.
        seconds_small: of the smallest requests.
        training_share: processor time of training and release over standard training.
        memory_mb: kept beside model and records. before: NDCG@20 before any request.
        p_utility, p_imprint: two-sided paired t tests over (request, seed) against the retrained references, Holm-corrected over the
            systems of the recommender; None with fewer than two pairs. Seeds share a trained model among requests, so pairs are not
            independent: p is optimistic.
    """

    model: str
    system: str
    title: str
    family: str
    exact: bool
    reads: str
    n: int
    utility: Spread
    auc: Spread | None
    adaptive_auc: Spread | None
    excess: Spread | None
    worst_auc: tuple[float, str] | None
    seconds: Spread
    seconds_small: Spread
    cost_share: Spread | None
    training_share: Spread | None
    memory_mb: float | None
    before: float | None
    p_utility: float | None
    p_imprint: float | None


def lines(rows: Sequence[Mapping[str, Any]], verdicts: Sequence[Mapping[str, Any]], fits: Mapping[tuple[str, str], float]) -> list[Line]:
    """Returns the lines of all recommenders and systems, in the order of the families.

    Args:
        rows, verdicts: as `figures` gives them. fits: (model, system) -> NDCG@20 before any request.
    """
    out: list[Line] = []
    for model in dict.fromkeys(row["model"] for row in rows):
        mine = [row for row in rows if row["model"] == model]
        found = [
            _line(mine, verdicts, model, system, fits) for system in dict.fromkeys(r["system"] for r in mine if r["operator"] != RETRAINED)
        ]
        found.sort(key=lambda pair: list(FAMILIES).index(pair[0].family))
        out += _corrected(found)
    return out


def _line(
    rows: Sequence[Mapping[str, Any]], verdicts: Sequence[Mapping[str, Any]], model: str, system: str, fits: Mapping[tuple[str, str], float]
) -> tuple[Line, list[float], list[float]]:
    """Returns the line without its tests, and the paired differences of utility and of the distance of the AUC from .5."""
    mine = [row for row in rows if row["system"] == system and row["operator"] != RETRAINED]
    sizes = sorted({size_of(row["request"]) for row in mine})
    large = [row for row in mine if size_of(row["request"]) == sizes[-1]]
    small = [row for row in mine if size_of(row["request"]) == sizes[0]]
    utility, lost, imprint = [], [], []
    for row in mine:
        references = [r for r in rows if r["operator"] == RETRAINED and r["request"] == row["request"] and r["seed"] == row["seed"]]
        base = float(np.mean([r[QUALITY] for r in references]))
        utility.append(row[QUALITY] / base)
        lost.append(row[QUALITY] - base)
        if row in large and row.get("auc") is not None:
            imprint.append(abs(row["auc"] - 0.5) - float(np.mean([abs(r["auc"] - 0.5) for r in references])))
    worst = [
        (v["auc"], v["request"]) for v in verdicts if (v["model"], v["system"]) == (model, system) and size_of(v["request"]) == sizes[-1]
    ]
    first = mine[0]
    line = Line(
        model=recommender(model).title,
        system=system,
        title=first["title"],
        family=first["family"],
        exact=first["exact"],
        reads=first["reads"],
        n=len(mine),
        utility=_known(utility),
        auc=spread(r.get("auc") for r in large),
        adaptive_auc=spread(r.get("adaptive_auc") for r in large),
        excess=spread(r.get("excess") for r in large),
        worst_auc=max(worst, key=lambda pair: abs(pair[0] - 0.5)) if worst else None,
        seconds=_known(r["cpu_seconds"] for r in large),
        seconds_small=_known(r["cpu_seconds"] for r in small),
        cost_share=spread(r.get("cost_share") for r in large),
        training_share=spread({r["seed"]: r.get("training_share") for r in mine}.values()),
        memory_mb=first["memory_mb"],
        before=fits.get((model, system)),
        p_utility=None,
        p_imprint=None,
    )
    return line, lost, imprint


def _known(values: Iterable[float]) -> Spread:
    found = spread(values)
    assert found is not None  # a line has rows
    return found


def _corrected(found: list[tuple[Line, list[float], list[float]]]) -> list[Line]:
    out = [line for line, _, _ in found]
    for name, at in (("p_utility", 1), ("p_imprint", 2)):
        tested = [i for i, pair in enumerate(found) if len(pair[at]) > 1]
        raw = [paired_test(found[i][at], np.zeros(len(found[i][at]))).p_value for i in tested]
        for i, p in zip(tested, holm(raw), strict=True):
            out[i] = replace(out[i], **{name: float(p)})
    return out


def size_of(request: str) -> float:
    """Returns the size of a request from its name, in percent of the users: "core 5 %" -> 5."""
    return float(request.split()[-2])


def standing(line: Line) -> str:
    """Returns what a line comes to in a word: "keeps and hides", "keeps", "hides", or "neither"; empty where no imprint is known."""
    if line.adaptive_auc is None or line.auc is None:
        return ""
    keeps = line.utility.mean >= 1 - CLOSE
    hides = line.adaptive_auc.mean <= HIDDEN and abs(line.auc.mean - 0.5) <= 0.05
    return {(True, True): "keeps and hides", (True, False): "keeps", (False, True): "hides", (False, False): "neither"}[keeps, hides]
