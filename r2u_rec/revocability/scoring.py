"""From settings to scores and everything behind them: the scorer's own numbers, the rules, the feature table, a learned scorer's worth."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.revocability.featurize.history import times_of
from r2u_rec.revocability.featurize.table import FeatureSettings, features
from r2u_rec.revocability.governance.policies import explicit, sampled_by_score, threshold, top_share
from r2u_rec.revocability.governance.rule_text import parse_rules
from r2u_rec.revocability.governance.rules import Ruled, apply_rules, enforced
from r2u_rec.revocability.learned.erasures import NEVER, Erasures, read_erasures
from r2u_rec.revocability.scorers.blend import WEIGHTS, blend_columns
from r2u_rec.revocability.scorers.names import scorer
from r2u_rec.revocability.scorers.ranks import rank_shares
from r2u_rec.revocability.scorers.registry import REGISTRY, Scorer
from r2u_rec.revocability.settings import RevocabilitySettings
from r2u_rec.rng import stream

if TYPE_CHECKING:
    from r2u_rec.revocability.learned.labels import Rows
    from r2u_rec.revocability.learned.scorer import Learned


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores and what is behind them.

    Attributes:
        entry: what there is to know of the scorer.
        raw: (n_users,) its scores, in its own unit.
        ruled: the scores that a policy sees: after the rules, or the raw ones where there are none.
        learned: the scorer that was learned, `chances` its probability, low and high a user, and `rows` what it looked at; or None.
        erasures: the past requests that were named, if any.
    """

    entry: Scorer
    raw: NDArray[np.float64]
    ruled: Ruled
    learned: Learned | None = None
    chances: pd.DataFrame | None = None
    rows: Rows | None = None
    erasures: Erasures | None = None


def feature_settings(r: RevocabilitySettings, *, seed: int) -> FeatureSettings:
    """Returns what the feature table depends on."""
    there = vars(r) | {"seed": seed}
    return FeatureSettings(**{f.name: there[f.name] for f in fields(FeatureSettings) if f.name in there})


def scored(log: InteractionLog, r: RevocabilitySettings, *, seed: int) -> Scored:
    """Returns the scores of the settings' scorer, with the rules applied.

    Raises:
        SettingsError: unknown scorer, or one without what it needs; a rule that cannot be read or does not fit the user information.
        DataError: the log cannot be scored.
    """
    rules = parse_rules(r.rules)  # before anything slow
    erasures = None if r.erasures is None else read_erasures(r.erasures)
    if r.scorer == "learned":
        found = _learned(log, r, erasures, seed)
    else:
        function = scorer(r.scorer)
        if r.scorer == "supplied" and r.column is None:
            raise SettingsError("revocability.scorer=supplied needs revocability.column: name a column of the user information")
        raw = function(log, **_options(function, r, seed=seed))
        found = Scored(_entry(r), raw, _unruled(raw), erasures=erasures)
    return replace(found, ruled=apply_rules(rank_shares(found.raw), rules, log.user_info)) if rules else found


def revocable_users(log: InteractionLog, scores: NDArray[np.float64], r: RevocabilitySettings, *, seed: int) -> NDArray[np.int64]:
    """Returns whom the policy of the settings calls revocable, with those whom a rule says always and without those it says never."""
    if r.policy == "explicit":
        chosen = explicit(log, r.users)
    elif r.policy == "threshold":
        chosen = threshold(scores, r.value)
    elif r.policy == "sampled_by_score":
        chosen = sampled_by_score(scores, stream(seed, "revocable"), share=r.share)
    else:
        chosen = top_share(scores, r.share, seed=seed)
    return enforced(chosen, scores) if r.rules else chosen


def flagged(log: InteractionLog, found: Scored, r: RevocabilitySettings, *, seed: int) -> NDArray[np.int64]:
    """Returns the codes of the users whom the policy calls revocable; always and never of the rules bind whatever its share."""
    return revocable_users(log, found.ruled.scores, r, seed=seed)


def scored_features(log: InteractionLog, found: Scored, r: RevocabilitySettings, *, seed: int, every: bool) -> pd.DataFrame:
    """Returns the feature table: `every` column that the log can give, or those that the scorer is made of."""
    if found.rows is not None:
        table = found.rows.features.reindex(range(log.n_users))
        hidden = {"profile_share": "a learned scorer sees no user information, because it carries no time"}
        table.attrs["absent"] = found.rows.features.attrs.get("absent", {}) | hidden
        return table
    return features(log, feature_settings(r, seed=seed), only=None if every else found.entry.columns)


def effects(found: Scored, code: int) -> tuple[dict[str, float] | None, tuple[float, float] | None]:
    """Returns what each feature adds to a user's log odds, and the interval of the probability; None, None unless learned."""
    if found.learned is None or found.chances is None or found.rows is None or np.isnan(found.raw[code]):
        return None, None
    return found.learned.effects(found.rows, code) or None, (float(found.chances["low"][code]), float(found.chances["high"][code]))


def later_withdrawals(log: InteractionLog, found: Scored) -> NDArray[np.bool_] | None:
    """Returns (n_users,) who asked after the last record of the log, which the scores cannot have seen; None when nobody is known to."""
    if found.erasures is None or log.time is None:
        return None
    asked = found.erasures.time_of_users(log)
    later = (asked > int(log.time.max())) & (asked < NEVER)
    return later if later.any() else None


def policy_words(r: RevocabilitySettings) -> str:
    """Returns the policy and its settings."""
    arguments = {"top_share": f"share={r.share:g}", "sampled_by_score": f"share={r.share:g}", "threshold": f"value={r.value:g}"}
    return f"{r.policy} {arguments.get(r.policy, f'of {len(r.users)} named users')}"


def _unruled(raw: NDArray[np.float64]) -> Ruled:
    nothing = np.zeros((0, len(raw)), dtype=bool)
    return Ruled(raw, (), nothing, nothing)


def _entry(r: RevocabilitySettings) -> Scorer:
    """What there is to know of the scorer, with the parts of this very blend."""
    entry = REGISTRY[r.scorer]
    if r.scorer != "blend" or not r.weights:
        return entry
    weights = _weights(r)
    ranks = {name: f"R({name})" if REGISTRY[name].sign > 0 else f"(1 - R({name}))" for name in weights}
    powers = " * ".join(f"{ranks[name]}^{weight:g}" for name, weight in weights.items())
    return replace(entry, columns=blend_columns(weights), formula=f"({powers})^(1/{sum(weights.values()):g}), R the rank as a share")


def _options(function: Any, r: RevocabilitySettings, *, seed: int) -> dict[str, Any]:
    """The settings that a scorer takes, by the names of its arguments."""
    there = vars(r) | {"seed": seed, "settings": feature_settings(r, seed=seed), "weights": _weights(r)}
    return {name: there[name] for name in inspect.signature(function).parameters if name in there}


def _weights(r: RevocabilitySettings) -> Mapping[str, float]:
    """The weights of a blend from texts such as churn=0.5."""
    out = {}
    for text in r.weights:
        name, _, weight = text.partition("=")
        try:
            out[name.strip()] = float(weight)
        except ValueError:
            raise SettingsError(f"revocability.weights takes SCORER=WEIGHT, got {text!r}: write engagement=1, for one") from None
    return out or WEIGHTS


def _learned(log: InteractionLog, r: RevocabilitySettings, erasures: Erasures | None, seed: int) -> Scored:
    from r2u_rec.revocability.learned.labels import rows_at
    from r2u_rec.revocability.learned.scorer import LEARNED, LearnedSettings, learn, timed

    if erasures is None:
        raise SettingsError("revocability.scorer=learned needs revocability.erasures: name a CSV or Parquet file of user_key and time")
    settings = LearnedSettings(horizon_days=r.horizon_days, model=r.learner, calibration=r.calibration, seed=seed)
    of = timed(feature_settings(r, seed=seed), only=r.features or None)
    made = learn(log, erasures, features=of, settings=settings)
    rows = rows_at(log, erasures, int(times_of(log).max()), features=of)
    chances = made.probabilities(rows)
    raw = chances["probability"].to_numpy()
    return Scored(replace(LEARNED, columns=made.scale.names), raw, _unruled(raw), made, chances, rows, erasures)
