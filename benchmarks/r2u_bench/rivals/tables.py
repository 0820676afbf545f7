"""The cells of the benchmark's tables as text: what page and terminal show of a line, of a request, and of the retrained references."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from r2u_bench.rivals.bench import BenchmarkResult
from r2u_bench.rivals.summary import QUALITY, Line, size_of
from r2u_bench.rivals.systems.registry import recommender
from r2u_rec.report.columns import RETRAINED
from r2u_rec.report.evidence import Spread, spread
from r2u_rec.report.table import figure

NOTHING = "–"
REFERENCES = "retrained references"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Reference:
    """What the retrained references of a recommender show; spreads over requests, seeds and models.

    Attributes:
        utility: each over the mean of those of its request and seed, so the mean is 1 and the spread is the noise.
        auc, adaptive_auc, excess, seconds: of the largest requests; each model's imprint is held against the others.
        seconds_small: of the smallest requests. n: trained models.
    """

    utility: Spread
    auc: Spread | None
    adaptive_auc: Spread | None
    excess: Spread | None
    seconds: Spread | None
    seconds_small: Spread | None
    n: int


def reference_of(rows: Sequence[Row], model: str) -> Reference | None:
    """Returns what the references of a recommender, by its name, show; None when there are none."""
    mine = [row for row in rows if row["model"] == model and row["operator"] == RETRAINED]
    if not mine:
        return None
    sizes = sizes_of(rows, model)
    large, small = ([row for row in mine if size_of(row["request"]) == size] for size in (sizes[-1], sizes[0]))
    utility = spread(row[QUALITY] / base_of(mine, row, QUALITY) for row in mine)
    assert utility is not None
    found = {name: spread(row.get(name) for row in large) for name in ("auc", "adaptive_auc", "excess")}
    seconds, of_small = (spread(row.get("cpu_seconds") for row in group) for group in (large, small))
    return Reference(utility, **found, seconds=seconds, seconds_small=of_small, n=len(mine))


def base_of(rows: Sequence[Row], row: Row, name: str) -> float:
    """Returns the mean of a figure over the references of the row's recommender, request and seed; NaN when there are none."""
    same = ("model", "request", "seed")
    found = [r[name] for r in rows if r["operator"] == RETRAINED and r.get(name) is not None and all(r[key] == row[key] for key in same)]
    return float(np.mean(found)) if found else math.nan


def sizes_of(rows: Sequence[Row], model: str) -> list[float]:
    """Returns the sizes of a recommender's requests in percent of the users, ascending."""
    return sorted({size_of(row["request"]) for row in rows if row["model"] == model})


def lines_of(found: BenchmarkResult, model: str) -> list[Line]:
    """Returns the lines of a recommender, by its name."""
    return [line for line in found.lines if line.model == recommender(model).title]


def label(line: Line) -> str:
    """Returns the title of a line's system, with the options that it was given."""
    options = line.system.partition(" ")[2]
    return f"{line.title} ({options})" if options else line.title


def number(value: float | None, digits: int) -> str:
    """Returns the value with that many decimals; a dash when there is none."""
    return NOTHING if value is None or not math.isfinite(value) else figure(spread([value]), digits)


def figures(found: Spread | None, digits: int) -> str:
    """Returns "mean ± sd"; a dash when there is none."""
    return NOTHING if found is None or not math.isfinite(found.mean) else figure(found, digits)


def amount(found: Spread | None) -> str:
    """Returns "mean ± sd" with three digits or so: for seconds, bytes and shares that span powers of ten."""
    if found is None or found.lowest == found.highest == 0:
        return NOTHING if found is None else "0"
    return figures(found, 0 if found.mean >= 100 else 1 if found.mean >= 10 else 2 if found.mean >= 0.1 else 4)


def with_error(value: float | None, error: float | None, digits: int = 3) -> str:
    """Returns "value ± standard error"; a dash when there is no value."""
    text = number(value, digits)
    return text if text == NOTHING or error is None or not math.isfinite(error) else f"{text} ± {error:.{digits}f}"


def probability(p: float | None) -> str:
    """Returns a p value with three decimals; a dash when nothing was tested."""
    return NOTHING if p is None or not math.isfinite(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


Column = tuple[str, str]
"""Heading and definition."""


def main_columns(sizes: Sequence[float]) -> list[Column]:
    """Returns the columns of a recommender's main table, after the system's name.

    Args:
        sizes: of the requests in percent, ascending.
    """
    big, small = f"{sizes[-1]:g} %", f"{sizes[0]:g} %"
    out = [
        ("exact?", "Exact: a test proves that forgetting equals retraining. Approximate: anything else."),
        ("reads", "What is read at a request: the request itself and what was kept for it, or the retained data too."),
        (f"{QUALITY}, before", f"{QUALITY} before any request, mean over seeds; full ranking over all items, known items masked."),
        ("kept", f"{QUALITY} of those who stay, divided by that of the retrained references of the same request and seed; all requests."),
        (
            f"imprint AUC, {big}",
            "How well an attacker tells those who asked from people never trained on, by folding half of a history into the model and "
            "ranking the other half, held against retrained models. Below: the request, over all seeds, that is farthest from 0.5.",
        ),
        (f"adaptive AUC, {big}", "The same for an attacker who combines fold-in, own loss and two-sided scores in a classifier."),
        (
            f"excess, {big}",
            "How much better (NDCG@20) hidden halves of erased histories are ranked than by a retrained model, less the same difference "
            "for people never trained on. 0 is the target.",
        ),
        (f"CPU s, {big}", f"Processor seconds of all threads for one request of {big} of the users."),
        (f"CPU s, {small}", f"The same for one request of {small}."),
        ("cost / retraining", f"Processor seconds of a request of {big} divided by those of retraining for it."),
        ("training / standard", "Processor seconds of training before any request, divided by those of standard training."),
        ("memory, MB", "What is kept for later requests beside model and records, in 10^6 bytes."),
        ("n", "Pairs of a request and a seed measured."),
        ("p, kept", "Two-sided paired t test of what is kept against the references, corrected over the systems of the recommender."),
        ("p, imprint", "The same test of the distance of the imprint AUC from 0.5."),
    ]
    return out if len(sizes) > 1 else [column for column in out if column != out[8]]


def main_cells(line: Line, sizes: Sequence[float], planned: int) -> list[tuple[str, str]]:
    """Returns the cells of a line below `main_columns`, each with what stands small beneath it.

    Args:
        sizes: of the requests in percent, ascending. planned: pairs of a request and a seed.
    """
    worst = "" if line.worst_auc is None else f"worst {line.worst_auc[0]:.3f}, {' '.join(line.worst_auc[1].split()[:-2])}"
    out = [
        ("exact" if line.exact else "approximate", ""),
        (line.reads, ""),
        (number(line.before, 4), ""),
        (figures(line.utility, 3), ""),
        (figures(line.auc, 3), worst),
        (figures(line.adaptive_auc, 3), ""),
        (figures(line.excess, 4), ""),
        (amount(line.seconds), ""),
        (amount(line.seconds_small), ""),
        (amount(line.cost_share), ""),
        (amount(line.training_share), ""),
        (amount(spread([line.memory_mb])), ""),
        (str(line.n), "" if line.n >= planned else f"of {planned}"),
        (probability(line.p_utility), ""),
        (probability(line.p_imprint), ""),
    ]
    return out if len(sizes) > 1 else out[:8] + out[9:]


def reference_cells(found: Reference, sizes: Sequence[float]) -> list[tuple[str, str]]:
    """Returns the cells of the references below `main_columns`."""
    texts = [NOTHING, "retained", NOTHING, figures(found.utility, 3), figures(found.auc, 3), figures(found.adaptive_auc, 3)]
    texts += [figures(found.excess, 4), amount(found.seconds), amount(found.seconds_small), "1", NOTHING, NOTHING, str(found.n)]
    texts += [NOTHING, NOTHING]
    out = [(text, "") for text in texts]
    return out if len(sizes) > 1 else out[:8] + out[9:]


REQUEST_COLUMNS = (
    "system", "kept", "kept, active half", "kept, inactive half", "imprint AUC", "adaptive AUC", "own-loss AUC", "TPR at 1 % FPR", "excess",
    "CPU s", "cost / retraining", "users who asked", "never trained on", "seeds",
)  # fmt: skip


def request_cells(found: BenchmarkResult, model: str, request: str) -> list[list[str]]:
    """Returns the cells of the references, if there are any, and of each system's line after one request.

    What is kept and costs: mean ± sd over seeds. Imprint of systems: over the users of all seeds ± standard error; of references: mean
    ± sd over models, each held against the others.
    """
    rows = [row for row in found.figures.rows if (row["model"], row["request"]) == (model, request)]
    judged = {v["system"]: v for v in found.figures.verdicts if (v["model"], v["request"]) == (model, request)}
    out = []
    if references := [row for row in rows if row["operator"] == RETRAINED]:
        imprint = [figures(spread(row.get(name) for row in references), 4 if name == "excess" else 3) for name in _IMPRINT]
        out.append([REFERENCES, *_kept(rows, references), *imprint, *_costs(references), NOTHING, NOTHING, _seeds(references)])
    for line in lines_of(found, model):
        mine = [row for row in rows if row["system"] == line.system and row["operator"] != RETRAINED]
        if not mine:
            continue
        v: Mapping[str, Any] = judged.get(line.system, {})
        imprint = [with_error(v.get(name), v.get(f"{name}_se"), 4 if name == "excess" else 3) for name in _IMPRINT]
        users = [number(v.get(name), 0) for name in ("n_forget", "n_holdout")]
        out.append([label(line), *_kept(rows, mine), *imprint, *_costs(mine), *users, _seeds(mine)])
    return out


_IMPRINT = ("auc", "adaptive_auc", "own_loss_auc", "tpr_at_1fpr", "excess")


def _kept(rows: Sequence[Row], mine: Sequence[Row]) -> list[str]:
    """Kept by all, by the active and by the inactive half."""
    out = []
    for name in (QUALITY, f"{QUALITY} active", f"{QUALITY} inactive"):
        shares = [row[name] / base_of(rows, row, name) for row in mine if row.get(name) is not None]
        out.append(figures(spread(share for share in shares if math.isfinite(share)), 3))
    return out


def _costs(mine: Sequence[Row]) -> list[str]:
    return [amount(spread(row.get(name) for row in mine)) for name in ("cpu_seconds", "cost_share")]


def _seeds(mine: Sequence[Row]) -> str:
    return str(len({row["seed"] for row in mine}))
