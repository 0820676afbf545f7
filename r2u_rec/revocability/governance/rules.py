"""Rules of governance: consent, contracts or age, as the data's owner knows them, override any score.

    consent == withdrawn -> always          region in EU|UK and age < 18 -> times 1.5
    contract present -> never               everyone -> blend 0.3 with risk

A rule is a condition on columns of the user information, an arrow and an effect; `rule_text.parse_rule` reads it, `str` writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from r2u_rec.errors import SettingsError
from r2u_rec.revocability.featurize.side_information import side_column
from r2u_rec.revocability.governance.comparison import Comparison, holds, quoted_value
from r2u_rec.revocability.scorers.ranks import rank_shares
from r2u_rec.suggest import suggest

EFFECTS = ("always", "never", "set", "times", "blend")
BELOW_ONE = float(np.nextafter(1.0, 0.0))


@dataclass(frozen=True)
class Effect:
    """What a rule does to a score in (0, 1).

    Attributes:
        kind: always (1), never (0), set (to `amount`), times (`amount`), or blend: (1 - amount) * score + amount * other.
        amount: in [0, 1]; of times, >= 0.
        other: of blend: a number in [0, 1], or the name of a column of the user information, taken as its rank share.
    """

    kind: str
    amount: float | None = None
    other: float | str | None = None

    def __post_init__(self) -> None:
        if self.kind not in EFFECTS:
            raise SettingsError(
                f"unknown effect {self.kind!r}{suggest(self.kind, EFFECTS) or ';'} "
                "there are always, never, set NUMBER, times FACTOR, blend WEIGHT with NUMBER or COLUMN"
            )
        bound = np.inf if self.kind == "times" else 1.0
        if (self.kind in ("always", "never")) != (self.amount is None) or (self.kind == "blend") != (self.other is not None):
            raise SettingsError(f"the effect {self} is incomplete or too long: write set NUMBER, times FACTOR, or blend WEIGHT with COLUMN")
        for value in (self.amount, self.other):
            if isinstance(value, float | int) and not (0 <= value <= bound and np.isfinite(value)):
                raise SettingsError(f"{self.kind} takes numbers {'>= 0' if self.kind == 'times' else 'in [0, 1]'}, got {value}")

    @property
    def sets(self) -> bool:
        """Whether it decides the score alone, whatever the score was."""
        return self.kind in ("always", "never", "set")

    def __str__(self) -> str:
        other = (
            self.other if self.other is None else f"with {quoted_value(self.other) if isinstance(self.other, str) else f'{self.other:g}'}"
        )
        return " ".join(str(part) for part in (self.kind, None if self.amount is None else f"{self.amount:g}", other) if part is not None)


@dataclass(frozen=True)
class Rule:
    """An effect on the users for whom every test holds; without tests, on everyone."""

    tests: tuple[Comparison, ...]
    effect: Effect

    def __str__(self) -> str:
        return f"{' and '.join(map(str, self.tests)) or 'everyone'} -> {self.effect}"


@dataclass(frozen=True, eq=False)
class Ruled:
    """Scores after the rules, and which rule did what.

    Attributes:
        scores: (n_users,) in [0, 1]; exactly 1 is always revocable and exactly 0 never; NaN for users without records.
        rules: in their order.
        matched: (n_rules, n_users) whether the rule's condition holds for a user with records.
        applied: (n_rules, n_users) whether it had its effect: a user's first rule that sets leaves the others without.
    """

    scores: NDArray[np.float64]
    rules: tuple[Rule, ...]
    matched: NDArray[np.bool_]
    applied: NDArray[np.bool_]

    def table(self) -> pd.DataFrame:
        """Returns one row a rule: its text, how many users it matched and for how many it had its effect."""
        counts = {"n_matched": self.matched.sum(axis=1), "n_applied": self.applied.sum(axis=1)}
        return pd.DataFrame({"rule": [str(rule) for rule in self.rules], **counts})


def apply_rules(scores: ArrayLike, rules: Sequence[Rule], info: pd.DataFrame | None) -> Ruled:
    """Returns the scores as the rules change them.

    For each user the first matching rule that sets (always, never, set) decides alone. Otherwise the matching blends act
    one after the other, then the product of the matching factors; the result is clipped to [0, 1), because exactly 1
    means "always" and no factor may say that. A blend with a column leaves users without a value in it as they are.

    Args:
        scores: (n_users,) in [0, 1], such as `rank_shares`; NaN for users without records, who stay so.
        rules: in order of precedence.
        info: the user information, one row a code.

    Raises:
        ValueError: a score lies outside [0, 1].
        SettingsError: a rule names no column of the user information, or compares a column with what it does not hold.
    """
    given = np.asarray(scores, dtype=np.float64)
    known = ~np.isnan(given)
    if ((given[known] < 0) | (given[known] > 1)).any():
        raise ValueError(f"rules work on scores in [0, 1], got {np.nanmin(given):.4g} to {np.nanmax(given):.4g}: pass rank_shares(scores)")
    matched = np.zeros((len(rules), len(given)), dtype=bool)
    for rule, row in zip(rules, matched, strict=True):
        row[:] = known
        for test in rule.tests:
            try:
                row &= holds(side_column(info, test.column, setting="column", kind="user", remedy="drop the rule"), test)
            except SettingsError as error:
                raise SettingsError(f"rule '{rule}': {error}") from None
    applied, open_ = matched.copy(), known.copy()
    for rule, row in zip(rules, applied, strict=True):
        row &= open_
        if rule.effect.sets:
            open_ &= ~row
    applied[[i for i, rule in enumerate(rules) if not rule.effect.sets]] &= open_  # a later "always" takes a factor's effect too
    return Ruled(_changed(given, rules, applied, info), tuple(rules), matched, applied)


def enforced(users: ArrayLike, scores: ArrayLike) -> NDArray[np.int64]:
    """Returns the users a policy chose, with everyone of score 1 (always) added and everyone of score 0 (never) taken out.

    A policy counts a share; a rule binds whatever the share.

    Args:
        users: (n,) codes that a policy chose from `scores`.
        scores: of `Ruled`.
    """
    values = np.asarray(scores, dtype=np.float64)
    chosen = np.union1d(np.asarray(users, dtype=np.int64), np.flatnonzero(values == 1))
    bound: NDArray[np.int64] = chosen[values[chosen] != 0].astype(np.int64)
    return bound


def _changed(
    given: NDArray[np.float64], rules: Sequence[Rule], applied: NDArray[np.bool_], info: pd.DataFrame | None
) -> NDArray[np.float64]:
    out, factor, fixed = given.copy(), np.ones(len(given)), np.full(len(given), np.nan)
    for rule, row in zip(rules, applied, strict=True):
        effect, amount = rule.effect, rule.effect.amount
        if effect.sets:
            fixed[row] = {"always": 1.0, "never": 0.0}.get(effect.kind, amount)
        elif effect.kind == "times":
            factor[row] *= amount
        else:
            other = _column_shares(rule, info, given) if isinstance(effect.other, str) else np.full(len(given), effect.other)
            row &= ~np.isnan(other)
            out[row] += amount * (other[row] - out[row])
    return np.where(np.isnan(fixed), np.clip(out * factor, 0.0, BELOW_ONE), fixed)


def _column_shares(rule: Rule, info: pd.DataFrame | None, given: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank shares of a numeric column among the users with a score."""
    name = str(rule.effect.other)
    column = side_column(info, name, setting=f"rule '{rule}': column", kind="user", remedy="drop the rule").convert_dtypes()
    if not pd.api.types.is_numeric_dtype(column):  # booleans are numeric here
        raise SettingsError(f"rule '{rule}': column {name!r} must hold numbers or booleans to blend with: map each value to a number first")
    return rank_shares(np.where(np.isnan(given), np.nan, column.to_numpy(dtype=np.float64, na_value=np.nan)))
