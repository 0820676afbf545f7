"""What a simulation plays on: data, who is kept out of training, who is likely to ask, and the stream of one seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.api.streams.policy_words import weights_of
from r2u_rec.config import sources
from r2u_rec.config.settings import Settings
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.split import Parts
from r2u_rec.errors import SettingsError
from r2u_rec.evaluate.imprint import MIN_HISTORY
from r2u_rec.revocability.governance.policies import sampled_by_score
from r2u_rec.revocability.scorers.ranks import rank_shares
from r2u_rec.revocability.scoring import revocable_users
from r2u_rec.rng import stream as random_stream
from r2u_rec.simulation.arrivals import Incident, draw_requests
from r2u_rec.simulation.population import draw_arrivals, draw_returns
from r2u_rec.simulation.replay import read_requests
from r2u_rec.simulation.requests import Request, ids_of
from r2u_rec.simulation.stream import Stream


@dataclass(frozen=True, eq=False)
class Audience:
    """User codes, ascending.

    Attributes:
        revocable: whom a model prepares for. forget_users: who asks to be erased as a whole during the stream.
        holdout: never trained on, drawn as requests are. calibration_users: never trained on either, by whom the length of an edit is set.
    """

    revocable: NDArray[np.int64]
    forget_users: NDArray[np.int64]
    holdout: NDArray[np.int64]
    calibration_users: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scenario:
    """One seed of a simulation.

    Attributes:
        parts: training, validation and test part of the data.
        log: the records that the service will ever know: the training part without those of the users kept out.
        audience: who plays which part.
        stayers: users with test interactions who are there from the start and never ask, at most `quality_users` of them: by them
            quality is measured.
        stream: requests, arrivals and returns.
        incidents: after which many leave.
    """

    parts: Parts
    log: InteractionLog
    audience: Audience
    stayers: NDArray[np.int64]
    stream: Stream
    incidents: tuple[Incident, ...]

    @property
    def start_records(self) -> InteractionLog:
        """What the first model is trained on."""
        return self.log.keep(self.stream.known(self.log, self.stream.start))

    @property
    def context_parts(self) -> dict[str, Any]:
        """Fields of the context that methods are built for; whose removal is simulated is none of those who ask."""
        a, train = self.audience, self.parts.train
        calibration = train.keep(train.ids_of_users(a.calibration_users)) if len(a.calibration_users) else None
        return {"revocable": a.revocable, "calibration": calibration, "candidates": np.setdiff1d(a.revocable, a.forget_users)}

    def received_until(self, time: int) -> tuple[Request, ...]:
        """Returns the requests that were received before `time`."""
        return tuple(request for request in self.stream.requests if request.received < time)

    def left_at(self, time: int, categories: str | None) -> InteractionLog:
        """Returns what is known at `time` and nobody has asked to erase before: what a model retrained then stands on."""
        log = self.log.keep(self.stream.known(self.log, time))
        gone = [ids_of(request, log, categories=categories) for request in self.received_until(time)]
        return log.drop(np.unique(np.concatenate(gone))) if gone else log


def scenario_of(s: Settings, seed: int) -> Scenario:
    """Reads, splits and scores; keeps users out of training; draws the stream, or reads its requests from a file.

    Whoever is kept out is drawn as requests are, in proportion to the hazard, so that those who are erased and those who were
    never trained on are alike.

    Raises:
        SettingsError, DataError: as the settings and the data demand.
    """
    m = s.simulate
    start, end = span(s)
    whole = sources.read(s.data)
    parts = sources.split_log(whole, s.data, seed=seed)
    train = parts.train
    scores = sources.scores(train, s.revocability, seed=seed)
    hazard = np.nan_to_num(rank_shares(scores)) if m.hazard == "score" else (train.user_counts > 0).astype(np.float64)
    given = None
    if m.requests_file is not None:
        given = read_requests(m.requests_file, train, time_unit=m.requests_time_unit)
        named = train.user_keys.codes([request.user for request in given if request.user is not None])
        hazard[named] = np.nan  # who is known to ask is not kept out
    holdout, calibration_users = _kept_out(s, train, hazard, seed)
    apart = np.concatenate([holdout, calibration_users])
    log = train.keep(np.setdiff1d(train.ids, train.ids_of_users(apart), assume_unique=True))
    arrivals = draw_arrivals(log, start=start, end=end, newcomer_share=m.newcomers_share, later_share=m.later_share, seed=seed)
    incidents = _incidents(s, start) if given is None else ()
    requests = given or draw_requests(
        log,
        start=start,
        end=end,
        seed=seed,
        rate_per_month=m.requests_per_month,
        weights=np.where(log.user_counts > 0, hazard, 0.0),
        kinds=weights_of(m.kinds, "simulate.kinds"),
        incidents=incidents,
        arrivals=arrivals,
        categories=s.revocability.categories,
    )
    returns = draw_returns(requests, log, end=end, probability=m.return_share, mean_days=m.return_days, seed=seed)
    stream = Stream(start, end, requests, arrivals.times, arrivals.ids, returns)
    asked = np.unique([code for request in requests if request.user is not None and (code := log.user_keys.code(request.user)) is not None])
    forget_users = np.unique([log.user_keys.code(request.user) for request in requests if request.kind == "user"]).astype(np.int64)
    revocable = np.setdiff1d(revocable_users(train, scores, s.revocability, seed=seed), apart)
    there = np.flatnonzero(np.bincount(log.user[log.positions(stream.known(log, start))], minlength=log.n_users))
    stayers = np.setdiff1d(np.intersect1d(there, np.flatnonzero(parts.test.user_counts > 0)), asked)
    if m.quality_users < 1:
        raise SettingsError(f"simulate.quality_users must be at least 1, got {m.quality_users}")
    stayers = np.sort(random_stream(seed, "quality users").permutation(stayers)[: m.quality_users])
    return Scenario(parts, log, Audience(revocable, forget_users, holdout, calibration_users), stayers, stream, incidents)


def span(s: Settings) -> tuple[int, int]:
    """Returns start and end of the stream in seconds since 1970-01-01 UTC.

    Raises:
        SettingsError: no date, or less than a month.
    """
    if s.simulate.months < 1:
        raise SettingsError(f"simulate.months must be at least 1, got {s.simulate.months}")
    try:
        start = pd.Timestamp(s.simulate.start)
    except ValueError:
        raise SettingsError(f"simulate.start must be a date such as 2026-01-01, got {s.simulate.start!r}") from None
    return int(start.timestamp()), int((start + pd.DateOffset(months=s.simulate.months)).timestamp())


def checkpoints_of(s: Settings, stream: Stream) -> tuple[int, ...]:
    """Returns the times at which models are judged, evenly spread, the last one at the end.

    Raises:
        SettingsError: less than one.
    """
    n = s.simulate.checkpoints
    if n < 1:
        raise SettingsError(f"simulate.checkpoints must be at least 1, got {n}")
    return tuple(stream.start + (stream.end - stream.start) * (i + 1) // n for i in range(n))


def _kept_out(s: Settings, train: InteractionLog, hazard: NDArray[np.float64], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the codes of users who are never trained on: those to compare with, and those by whom the Newton step is set."""
    n_users = int((train.user_counts > 0).sum())
    sizes = {}
    for name, share in (
        ("simulate.holdout_share", s.simulate.holdout_share),
        ("revocability.calibration_share", s.revocability.calibration_share),
    ):
        if not 0 <= share < 0.5:
            raise SettingsError(f"{name} must lie in [0, .5), got {share}")
        sizes[name] = round(share * n_users)
    eligible_users = np.where(train.user_counts >= MIN_HISTORY, hazard, np.nan)
    n = sum(sizes.values())
    if n == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    drawn = random_stream(seed, "kept out, order").permutation(sampled_by_score(eligible_users, random_stream(seed, "kept out"), n=n))
    first = sizes["simulate.holdout_share"]
    return np.sort(drawn[:first]), np.sort(drawn[first:])


def _incidents(s: Settings, start: int) -> tuple[Incident, ...]:
    m = s.simulate
    if m.incident_month is None:
        return ()
    if not 0 <= m.incident_month < m.months:
        raise SettingsError(
            f"simulate.incident_month must lie in [0, {m.months}), the months simulated, got {m.incident_month}: null for none"
        )
    whole, part = divmod(m.incident_month, 1)
    time = pd.Timestamp(start, unit="s") + pd.DateOffset(months=int(whole)) + pd.Timedelta(days=30 * part)
    return (Incident(int(time.timestamp()), m.incident_share, m.incident_days),)
