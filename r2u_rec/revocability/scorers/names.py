"""Scorers and policies by name, for settings files and the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from r2u_rec.errors import SettingsError
from r2u_rec.registry.tables import SCORERS as SCORERS
from r2u_rec.revocability.governance.policies import explicit, sampled_by_score, threshold, top_share
from r2u_rec.suggest import unknown

POLICIES: Mapping[str, Callable[..., Any]] = {
    "top_share": top_share,
    "sampled_by_score": sampled_by_score,
    "threshold": threshold,
    "explicit": explicit,
}


def scorer(name: str) -> Callable[..., Any]:
    """Returns the scorer of that name; SettingsError with the nearest name when there is none."""
    return SCORERS.get(name)


def policy(name: str) -> Callable[..., Any]:
    """Returns the policy of that name; SettingsError with the nearest name when there is none."""
    return _named(POLICIES, name, "policy")


def _named(table: Mapping[str, Callable[..., Any]], name: str, kind: str) -> Callable[..., Any]:
    if name in table:
        return table[name]
    raise SettingsError(unknown(kind, name, table))
