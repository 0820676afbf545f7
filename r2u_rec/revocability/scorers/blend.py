"""The blend of behavioural scores, and the scores that come from outside or say nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability.featurize.settings import FeatureSettings
from r2u_rec.revocability.featurize.side_information import side_column
from r2u_rec.revocability.featurize.table import parts
from r2u_rec.revocability.scorers import behaviour, exposure
from r2u_rec.revocability.scorers.card import Parts, Scorer, card_of, scorer_card
from r2u_rec.revocability.scorers.ranks import only_with_records, rank_shares

WEIGHTS: Mapping[str, float] = {"engagement": 1.0, "evolving_interest": 1.0, "churn": 1.0}
"""The parts of the blend: engaged, of changing taste, and still here, weighted alike."""

_PARTS: Mapping[str, Scorer] = {
    card.name: card
    for card in map(card_of, (*(f for m in (behaviour, exposure) for f in vars(m).values() if hasattr(f, "card")),))
    if card.made is not None
}


def blended(of: Parts, weights: Mapping[str, float] = WEIGHTS) -> NDArray[np.float64]:
    """Returns the weighted geometric mean of the ranks of the scores, turned so that each speaks for a withdrawal.

    Args:
        of: the columns of `blend_columns(weights)`.
        weights: by name of a scorer.
    """
    total = sum(weights.values())
    out = np.zeros(0)
    for name, weight in weights.items():
        made = _PARTS[name].made
        assert made is not None
        rank = rank_shares(made(of))
        part = weight / total * np.log(rank if _PARTS[name].sign > 0 else 1.0 - rank)
        out = part if out.size == 0 else out + part
    return np.asarray(np.exp(out))


def blend_columns(weights: Mapping[str, float] = WEIGHTS) -> tuple[str, ...]:
    """Returns the features that a blend is made of.

    Raises:
        SettingsError: no such part, a weight that is not positive, or no part.
    """
    for name, weight in weights.items():
        if name not in _PARTS:
            raise SettingsError(f"a blend has no part {name!r}: there are {', '.join(_PARTS)}")
        if not (weight > 0 and np.isfinite(weight)):
            raise SettingsError(f"weights must be positive, got {weight} for {name}: leave out what shall not count")
    if not weights:
        raise SettingsError("weights must name at least one part of the blend, got none")
    return tuple(dict.fromkeys(column for name in weights for column in _PARTS[name].columns))


@scorer_card(
    columns=blend_columns(),
    made=blended,
    formula="(R(engagement) * R(evolving interest) * (1 - R(away)))^(1/3), R the rank as a share; with weights the weighted geometric mean",
    unit="none",
    range="(0, 1), 1 the most likely to withdraw",
    sign=+1,
    correlates="its parts: length of the history, recency",
    fails="it is a hypothesis about behaviour, fitted to no observed withdrawal; users with short histories get the neutral evolve score, "
    "so that their place is decided by the other parts",
    needs=("time",),
    source="Ready2Unlearn, introduction, for the three signs; the formula is ours",
)
def blend(
    log: InteractionLog,
    *,
    weights: Mapping[str, float] = WEIGHTS,
    settings: FeatureSettings | None = None,
    categories: str | None = None,
    separator: str = " ",
    min_records: int = 10,
    seed: int = 0,
    threads: int = 2,
    now: int | None = None,
) -> NDArray[np.float64]:
    """Scores who may withdraw by behaviour: engaged, of changing taste, and still here. (n_users,), NaN without records.

    Where consent flags or past requests exist, use them (`supplied`): who may withdraw is a managerial decision.

    Args:
        weights: by name of a scorer; one whose high score speaks against a withdrawal (churn) counts as 1 - R.
        settings: all that the parts depend on; if given, it replaces the arguments after it except threads.
        categories, separator, min_records, seed, threads: as `evolving_interest`.
        now: as `inactive_seconds`.

    Raises:
        DataError: the log has no time column, or no records.
        SettingsError: no such part, a weight that is not positive, or as `evolving_interest`.
    """
    s = settings or FeatureSettings(categories=categories, separator=separator, min_records=min_records, seed=seed, now=now)
    return blended(parts(log, blend_columns(weights), s, threads=threads), weights)


@scorer_card(
    columns=(),
    formula="the column as it is; True is 1",
    unit="the column's own",
    range="the column's own",
    sign=+1,
    correlates="whatever the column does",
    fails="it is as good as the column; a flag set after the data was cut tells the future: do not evaluate on it",
    needs=("user_info",),
    source="the data's owner",
)
def supplied(log: InteractionLog, *, column: str) -> NDArray[np.float64]:
    """Scores by a column that the data's owner supplies: consent flags, the source of the data, a model of their own.

    Args:
        log: its `user_info` holds the column: numbers or booleans.
        column: its name.

    Returns:
        (n_users,) float64, the column as it is (True is 1), in its own unit and range; NaN for users without records.

    Raises:
        SettingsError: the log has no user information, or no such column.
        DataError: the column holds text, or has no value for a user with records.
    """
    given = side_column(log.user_info, column, setting="column", kind="user", remedy="use another scorer")
    try:
        values = pd.to_numeric(given).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        seen = [str(value) for value in given.dropna().unique()[:3]]
        raise DataError(
            f"column {column!r} of the user information must hold numbers or booleans, got {seen}: map each value to a number first"
        ) from None
    lacking = np.flatnonzero((log.user_counts > 0) & ~np.isfinite(values))
    if lacking.size:
        raise DataError(
            f"column {column!r} of the user information has no finite value for {lacking.size} users with records, "
            f"the first {lacking[:5].tolist()}: give each a number (0 for 'will not withdraw')"
        )
    return only_with_records(log, values)


@scorer_card(
    columns=(),
    formula="1",
    unit="none",
    range="1",
    sign=0,
    correlates="nothing",
    fails="nothing is claimed",
    source="the control that every other scorer must beat",
)
def uniform(log: InteractionLog) -> NDArray[np.float64]:
    """Scores everyone alike: (n_users,) ones, NaN for users without records. With it a policy chooses at random."""
    return only_with_records(log, np.ones(log.n_users))
