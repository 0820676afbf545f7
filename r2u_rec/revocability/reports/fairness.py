"""Whom a scorer flags, by group: a flag is a treatment, and a group that is flagged more often than others should be known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2_contingency

from r2u_rec.errors import SettingsError
from r2u_rec.holm import holm
from r2u_rec.revocability.featurize.side_information import side_column
from r2u_rec.revocability.learned.validation import wilson

SMALL = "other (small groups)"
MISSING = "(missing)"
MOST_NUMBERS = 24
"""A numeric column with more different values, or with fractions, is cut into bands of about equally many users."""


@dataclass(frozen=True, eq=False)
class Fairness:
    """Who is flagged.

    Attributes:
        groups: one row a column and group: column, group, n, flagged, share (flagged / n), low, high (95 % Wilson interval), ratio
            (share / overall share), mean_score; where outcomes are known also withdrew, precision (of the flagged, who withdrew)
            and recall (the share of withdrawn users who were flagged).
        tests: one row a column: column, n_groups, chi_square, p, p_holm (corrected for the number of columns), cramers_v (size of the
            effect, 0 to 1), how ("asymptotic", or "permutations" where an expected count is below 5); NaN where there is
            nothing to compare.
        n, flagged: users with records, and how many of them are flagged.
        min_size: smaller groups are shown together.
    """

    groups: pd.DataFrame
    tests: pd.DataFrame
    n: int
    flagged: int
    min_size: int


def fairness(
    scores: ArrayLike,
    users: ArrayLike,
    info: pd.DataFrame | None,
    columns: Sequence[str],
    *,
    outcomes: ArrayLike | None = None,
    min_size: int = 20,
    n_bands: int = 5,
    seed: int = 0,
) -> Fairness:
    """Returns how the users that a policy chose spread over the groups of each column.

    Groups with fewer than `min_size` users are put together, and the next smallest with them until the rest is large enough
    too, so that nobody is singled out. A small p says that the groups differ in this sample, not why, and not that it is wrong.

    Args:
        scores: (n_users,), NaN for users without records, who are left out.
        users: (n,) codes flagged.
        info: the user information.
        columns: of `info`: COLUMN, or COLUMN:18|30|45 to cut a numeric one at these values. By itself a numeric column of at most
            24 different whole numbers has a group a number, another one `n_bands` bands of about equally many users.
        outcomes: (n_users,) whether a user withdrew, where that is known.
        min_size: >= 1.
        seed: of the permutations.

    Raises:
        SettingsError: no user information, no such column, edges that are no rising numbers or of a text column, min_size < 1.
    """
    if min_size < 1:
        raise SettingsError(f"min_size must be >= 1, got {min_size}")
    values = np.asarray(scores, dtype=np.float64)
    there = np.flatnonzero(~np.isnan(values))
    flagged = np.isin(there, np.asarray(users, dtype=np.int64))
    withdrew = None if outcomes is None else np.asarray(outcomes, dtype=bool)[there]
    rows: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    for spec in columns:
        name, _, edges = spec.partition(":")
        column = side_column(info, name, setting="fairness", kind="user", remedy="leave fairness out").iloc[there]
        group = _merged(_banded(column, edges, n_bands), min_size)
        for label in _ordered(group):
            mine = (group == label).to_numpy()
            rows.append({"column": name, "group": label, **_figures(mine, flagged, values[there], withdrew)})
        tests.append({"column": name, **_test(group, flagged, np.random.default_rng(seed))})
    table = pd.DataFrame(tests, columns=["column", "n_groups", "chi_square", "p", "cramers_v", "how"])
    table.insert(4, "p_holm", holm(table["p"].to_numpy(dtype=np.float64)))
    return Fairness(pd.DataFrame(rows), table, len(there), int(flagged.sum()), min_size)


def _banded(column: pd.Series, edges: str, n_bands: int) -> pd.Series:
    """The group of each user: an ordered category, so that bands and numbers stand in their order."""
    typed = column.convert_dtypes()
    numeric = pd.api.types.is_numeric_dtype(typed) and not pd.api.types.is_bool_dtype(typed)
    if edges and not numeric:
        raise SettingsError(f"fairness: column {column.name!r} holds no numbers, so it cannot be cut at {edges}: give its name alone")
    if not numeric:
        text = typed.astype("str").where(column.notna())
        return pd.Series(pd.Categorical(text, categories=sorted(text.dropna().unique()), ordered=True))
    number = pd.Series(typed.to_numpy(dtype=np.float64, na_value=np.nan))
    known = number.dropna()
    whole = bool((known == known.round()).all())
    if not edges and whole and known.nunique() <= MOST_NUMBERS:
        kinds = sorted(known.unique())
        return pd.Series(pd.Categorical(number, categories=kinds, ordered=True).rename_categories([f"{kind:.0f}" for kind in kinds]))
    if edges:
        inner = _edges(column, edges)
    else:
        quantiles = np.quantile(known, np.arange(1, n_bands) / n_bands)
        inner = np.unique(np.ceil(quantiles) if whole else quantiles).tolist()
    labels = [f"below {inner[0]:g}", *(f"{a:g} to below {b:g}" for a, b in pairwise(inner)), f"{inner[-1]:g} or more"]
    return pd.Series(pd.cut(number, [-np.inf, *inner, np.inf], right=False, labels=labels))


def _edges(column: pd.Series, text: str) -> list[float]:
    try:
        edges = [float(part) for part in text.split("|")]
    except ValueError:
        edges = []
    if not edges or any(b <= a for a, b in pairwise(edges)):
        wrong = f"the edges of {column.name!r} must be rising numbers divided by '|', got {text!r}"
        raise SettingsError(f"fairness: {wrong}: write {column.name}:18|30")
    return edges


def _merged(group: pd.Series, min_size: int) -> pd.Series:
    """Groups as text, the small ones under one name."""
    order = [str(kind) for kind in group.cat.categories] + [MISSING]
    text = group.astype("str").where(group.notna(), MISSING)
    sizes = text.value_counts().sort_values(kind="stable")
    small = [name for name, size in sizes.items() if size < min_size]
    if small:
        rest = list(sizes.index[len(small) :])
        while rest and sizes[small].sum() < min_size:
            small.append(rest.pop(0))
    named = text.where(~text.isin(small), SMALL)
    return pd.Series(pd.Categorical(named, categories=[*[name for name in order if name not in small], SMALL], ordered=True))


def _ordered(group: pd.Series) -> list[str]:
    present = set(group)
    return [str(name) for name in group.cat.categories if name in present]


def _figures(
    mine: NDArray[np.bool_], flagged: NDArray[np.bool_], scores: NDArray[np.float64], withdrew: NDArray[np.bool_] | None
) -> dict[str, Any]:
    n, k = int(mine.sum()), int((mine & flagged).sum())
    share, overall = wilson(k, n), float(flagged.mean())
    out: dict[str, Any] = {"n": n, "flagged": k, "share": share.value, "low": share.low, "high": share.high}
    out |= {"ratio": share.value / overall if overall else float("nan"), "mean_score": float(scores[mine].mean())}
    if withdrew is not None:
        left, both = int((mine & withdrew).sum()), int((mine & flagged & withdrew).sum())
        out |= {"withdrew": left, "precision": wilson(both, k).value, "recall": wilson(both, left).value}
    return out


def _test(group: pd.Series, flagged: NDArray[np.bool_], rng: np.random.Generator, n_permutations: int = 1999) -> dict[str, Any]:
    counts = pd.crosstab(group.to_numpy(), flagged).to_numpy()
    unknown = dict.fromkeys(("chi_square", "p", "cramers_v"), float("nan"))
    nothing = {"n_groups": len(counts), **unknown, "how": "nothing to compare"}
    if min(counts.shape) < 2:
        return nothing
    found = chi2_contingency(counts, correction=False)
    p, how = float(found.pvalue), "asymptotic"
    if found.expected_freq.min() < 5:  # the distribution is not yet that of the statistic: draw it
        sizes, drawn = counts.sum(axis=1), rng.multivariate_hypergeometric(counts.sum(axis=1), int(flagged.sum()), size=n_permutations)
        expected = sizes * flagged.mean()
        statistic = ((drawn - expected) ** 2 / expected).sum(axis=1) / (1 - flagged.mean())
        p, how = float((1 + (statistic >= found.statistic - 1e-9).sum()) / (1 + n_permutations)), "permutations"
    effect = float(np.sqrt(found.statistic / counts.sum()))  # two columns: the smaller dimension less one is 1
    return nothing | {"chi_square": float(found.statistic), "p": p, "cramers_v": effect, "how": how}
