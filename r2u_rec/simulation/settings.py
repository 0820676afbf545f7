"""The settings of a simulation: a stream of requests, and the policies compared on it. Nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from r2u_rec.setting import setting


@dataclass(frozen=True)
class SimulateSettings:
    """A stream of deletion requests over time, and the policies that are compared on it."""

    start: str = setting("2026-01-01", "first day of the stream (UTC)")
    months: int = setting(12, "calendar months that it lasts")
    requests_per_month: float = setting(20.0, "mean number, arriving as a Poisson process")
    kinds: tuple[str, ...] = setting(("user=1",), "what is asked for, KIND=WEIGHT: user, interaction, item, category, window")
    hazard: Literal["score", "uniform"] = setting(
        "score", "who asks: in proportion to the rank of the revocability score, or anybody alike"
    )
    incident_month: float | None = setting(6.0, "months after the start at which many leave at once; null: no incident")
    incident_share: float = setting(0.02, "share of the users then there who leave after the incident")
    incident_days: float = setting(7.0, "days within which they ask")
    requests_file: str | None = setting(None, "a CSV or Parquet file of real requests, in place of drawn ones: time, kind, user, item, ...")
    requests_time_unit: Literal["auto", "s", "ms", "us", "ns", "iso"] = setting("auto", "of its times")
    newcomers_share: float = setting(0.1, "share of the users who join during the stream")
    later_share: float = setting(0.0, "share of the interactions of the other users that arrive during the stream")
    return_share: float = setting(0.1, "share of the erased users who come back under a new key")
    return_days: float = setting(60.0, "mean days until they do")
    policies: tuple[str, ...] = setting(
        (
            "never",
            "retrain by_deadline",
            "newton batch=1",
            "newton batch=20",
            "newton by_deadline",
            "ascent by_deadline trained=ready2unlearn",
        ),
        "METHOD FIELD=VALUE ...: methods are those of forget.method, auto and never; fields those of a policy; auto among=sisa lets the "
        "cost choose between shards and training again",
    )
    seeds: tuple[int, ...] = setting((0,), "of streams and trainings; each seed is a simulation of its own")
    checkpoints: int = setting(3, "times along the stream at which quality and imprint are held against retrained models")
    n_references: int = setting(2, "retrained models at each checkpoint; never fewer than two")
    holdout_share: float = setting(0.05, "share of all users never trained on, drawn as requests are, with whom erased users are compared")
    quality_users: int = setting(2000, "users by whom quality is measured, drawn from users who are active from the start and never ask")
    shards: int = setting(4, "of the method sisa, in place of forget.sisa.shards")
    costs: tuple[str, ...] = setting(
        (), "METHOD=FIXED+PER_USER+PER_RECORD in seconds, what decisions are made by; none: measured once and kept in the folder"
    )
