"""Why a user has their score: the parts, the formula, the rules and the policy, for the user and for the operator who answers the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError
from r2u_rec.revocability.featurize.table import COLUMNS
from r2u_rec.revocability.governance.rules import Ruled
from r2u_rec.revocability.scorers.ranks import rank_shares
from r2u_rec.revocability.scorers.registry import Scorer


@dataclass(frozen=True)
class Part:
    """One quantity that a score is made of.

    Attributes:
        name: column of the feature table.
        value: of this user, in the unit that `meaning` names; NaN when the user has none.
        meaning: what it is, with its unit.
        share: its rank among all users as a share in (0, 1); NaN without a value.
        effect: of a learned scorer: what it adds to the log odds; None elsewhere.
    """

    name: str
    value: float
    meaning: str
    share: float
    effect: float | None = None


@dataclass(frozen=True)
class Explanation:
    """Everything behind one user's score.

    Attributes:
        user_key: the customer's own key.
        n_records: records of the user; n_users: users with a score.
        scorer: what there is to know of the scorer.
        parts: what the score is made of, as the registry names it, the weightiest first for a learned scorer.
        raw: the score before rules, in the scorer's unit; share: its rank among all users as a share.
        interval: of a learned scorer: 95 % over users drawn anew.
        rules: (text, what it did) of each rule whose condition holds for this user; n_rules: of all rules.
        final: the score that the policy sees.
        flagged: whether the policy, with always and never enforced, calls the user revocable; n_flagged: of all users.
        lowest_flagged: smallest final score among the flagged, NaN when nobody is.
        policy: its name and settings.
    """

    user_key: Any
    n_records: int
    n_users: int
    scorer: Scorer
    parts: tuple[Part, ...]
    raw: float
    share: float
    interval: tuple[float, float] | None
    rules: tuple[tuple[str, str], ...]
    n_rules: int
    final: float
    flagged: bool
    n_flagged: int
    lowest_flagged: float
    policy: str


def user_code(log: InteractionLog, user_key: Any) -> int:
    """Returns the code of one user with records.

    Raises:
        DataError: the key is unknown or forgotten, or the user has no records.
    """
    code = log.user_keys.code(user_key)
    if code is None:
        some = [str(key) for key in log.user_keys.keys[np.flatnonzero(log.user_counts > 0)[:3]]]
        raise DataError(f"user {user_key!r} is not in the data: give a key as it stands in the user column, such as {', '.join(some)}")
    if log.user_counts[code] == 0:
        raise DataError(f"user {user_key!r} has no records left: there is nothing to withdraw, and no score to explain")
    return code


def explain(
    log: InteractionLog,
    code: int,
    *,
    scorer: Scorer,
    raw: ArrayLike,
    ruled: Ruled,
    users: NDArray[np.int64],
    policy: str,
    parts: pd.DataFrame | None = None,
    effects: Mapping[str, float] | None = None,
    interval: tuple[float, float] | None = None,
) -> Explanation:
    """Returns the explanation of one user's score.

    Args:
        code: of the user, see `user_code`.
        scorer: from the registry.
        raw: (n_users,) its scores before any rule.
        ruled: of `apply_rules`; with no rules it holds the raw scores as they are.
        users: codes flagged in the end.
        policy: its name and settings, as text.
        parts: feature table; the columns that the scorer names are shown, or those of `effects`.
        effects: of a learned scorer: what each column adds to this user's log odds.

    Raises:
        DataError: the user has no score: no records, or withdrawn already.
    """
    before = np.asarray(raw, dtype=np.float64)
    if np.isnan(before[code]):
        raise DataError(f"user {log.user_keys.key(code)!r} has no score by {scorer.name}: without records, or withdrawn already")
    flagged_scores = ruled.scores[users]
    return Explanation(
        user_key=log.user_keys.key(code),
        n_records=int(log.user_counts[code]),
        n_users=int((~np.isnan(before)).sum()),
        scorer=scorer,
        parts=_parts(parts, code, scorer, effects),
        raw=float(before[code]),
        share=float(rank_shares(before)[code]),
        interval=interval,
        rules=tuple(_told(ruled, code)),
        n_rules=len(ruled.rules),
        final=float(ruled.scores[code]),
        flagged=bool(np.isin(code, users)),
        n_flagged=len(users),
        lowest_flagged=float(flagged_scores.min()) if len(users) else float("nan"),
        policy=policy,
    )


def _parts(frame: pd.DataFrame | None, code: int, scorer: Scorer, effects: Mapping[str, float] | None) -> tuple[Part, ...]:
    if frame is None:
        return ()
    names = [name for name in (scorer.columns if effects is None else effects) if name in frame.columns]
    found = []
    for name in names:
        column = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        effect = None if effects is None else float(effects[name])
        found.append(Part(name, float(column[code]), COLUMNS.get(name, name), float(rank_shares(column)[code]), effect))
    return tuple(found if effects is None else sorted(found, key=lambda part: -abs(part.effect or 0.0)))


def _told(ruled: Ruled, code: int) -> list[tuple[str, str]]:
    """(rule, what it did) of the rules that match a user."""
    matched = [i for i in range(len(ruled.rules)) if ruled.matched[i, code]]
    decider = next((i for i in matched if ruled.rules[i].effect.sets and ruled.applied[i, code]), None)
    out = []
    for i in matched:
        if ruled.applied[i, code]:
            did = "decides the score" if i == decider else "applied"
        elif decider is not None:
            did = f"matches, but rule {decider + 1} decides"
        else:
            did = "matches, but has no value to blend with"
        out.append((f"{i + 1}. {ruled.rules[i]}", did))
    return out
