"""Scorers of exposure: how identifying, sensitive and candid a user's history is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError
from r2u_rec.revocability.featurize.settings import FeatureSettings
from r2u_rec.revocability.featurize.table import features, parts
from r2u_rec.revocability.scorers.card import Parts, scorer_card
from r2u_rec.revocability.scorers.ranks import only_with_records, rank_shares

Scores = NDArray[np.float64]

DISCLOSED = ("profile_share", "rated_share", "rating_deviation")


@scorer_card(
    columns=("surprisal",),
    made=lambda of: of["surprisal"],
    formula="sum over the user's 3 (n_rarest) rarest items of -log2(share of users who have the item)",
    unit="bits",
    range="0 and more; at most n_rarest * log2(n_users)",
    sign=+1,
    correlates="length of the history (more items, rarer ones), taste for the long tail",
    fails="a catalogue of items that come and go makes old users rare; items are counted as independent, see crowd; a bot's random "
    "items look like a person's secrets",
    source="Shannon 1948; rarity as what identifies a history: Narayanan and Shmatikov 2008, section 4 (their weight 1 / log|supp|)",
)
def uniqueness(log: InteractionLog, *, n_rarest: int = 3) -> Scores:
    """Scores how identifying a history is: the surprisal of the user's rarest items. (n_users,), NaN without records."""
    return parts(log, ("surprisal",), FeatureSettings(n_rarest=n_rarest))["surprisal"]


def _crowd(of: Parts) -> Scores:
    crowd = of["crowd"]
    return np.log2(np.count_nonzero(~np.isnan(crowd)) / crowd)


@scorer_card(
    columns=("crowd",),
    made=_crowd,
    formula="log2(n_users / k), k the users, oneself included, who have all of the user's 2 (n_crowd) rarest items",
    unit="bits",
    range="[0, log2(n_users)]; log2(n_users) where nobody else has them",
    sign=+1,
    correlates="uniqueness, length of the history",
    fails="with few users or a long tail nearly everybody is alone with two items, and it ranks nobody; it assumes that who attacks "
    "knows the rarest items; it takes long where all items are common",
    source="k-anonymity (Sweeney 2002) of item sets: km-anonymity, Terrovitis, Mamoulis and Kalnis 2008",
)
def crowd(log: InteractionLog, *, n_crowd: int = 2) -> Scores:
    """Scores how small the crowd is in which a user can hide; high = small crowd. (n_users,), NaN without records."""
    return _crowd(parts(log, ("crowd",), FeatureSettings(n_crowd=n_crowd)))


@scorer_card(
    columns=("sensitive_share",),
    made=lambda of: of["sensitive_share"],
    formula="the user's records in sensitive_categories or of sensitive_items / all records of the user",
    unit="share",
    range="[0, 1]",
    sign=+1,
    correlates="nothing by construction; with the categories' popularity in practice",
    fails="it is as good as the list; what is sensitive differs between people (GDPR Art. 9 names kinds, not items); a short history "
    "has extreme shares, weigh it with sensitive_records",
    needs=("sensitive",),
    source="GDPR Art. 9 and recital 75; the measure is ours",
)
def sensitivity(
    log: InteractionLog,
    *,
    categories: str | None = None,
    separator: str = " ",
    sensitive_categories: tuple[str, ...] = (),
    sensitive_items: tuple[Any, ...] = (),
) -> Scores:
    """Scores how much of a history is sensitive by your own list. (n_users,), NaN without records.

    Raises:
        SettingsError: nothing is configured as sensitive, or no such column, category or item.
    """
    s = FeatureSettings(
        categories=categories,
        separator=separator,
        sensitive_categories=tuple(sensitive_categories),
        sensitive_items=tuple(sensitive_items),
    )
    return parts(log, ("sensitive_share",), s)["sensitive_share"]


def _disclosure(of: Parts) -> Scores:
    ranks = [rank_shares(of[name]) for name in DISCLOSED if name in of and np.ptp(of[name][~np.isnan(of[name])]) > 0]
    if not ranks:
        raise DataError(
            "disclosure cannot be scored: there are no profile fields, ratings or other signs in which users differ: "
            "read the user file and the rating column, or use another scorer"
        )
    known = np.array(ranks)
    n = np.count_nonzero(~np.isnan(known), axis=0)
    return np.where(n > 0, np.nansum(known, axis=0) / np.maximum(n, 1), 0.5)


@scorer_card(
    columns=DISCLOSED,
    made=_disclosure,
    any_of=True,
    formula="mean rank (as a share) of: share of filled profile fields, share of records with an explicit rating, rating_deviation = mean "
    "|rating - mean rating of the item|; parts that are the same for all, or missing, are left out",
    unit="none",
    range="(0, 1), 1 discloses most",
    sign=+1,
    correlates="rating deviation falls with the length of the history (a mean of few varies more)",
    fails="fields that the service requires carry no information on the person; a scale used differently is no deviation",
    source="Ready2Unlearn, introduction (user-provided data are more likely to be revoked); the formula is ours",
)
def disclosure(log: InteractionLog) -> Scores:
    """Scores how much a person discloses. (n_users,), NaN without records.

    Raises:
        DataError: the log has neither user information nor ratings in which users differ.
    """
    found = features(log, only=DISCLOSED)
    return only_with_records(log, _disclosure({name: found[name].to_numpy() for name in found}))
