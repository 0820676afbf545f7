"""Returning users: their new records have a new key and stand at the end of the full log, so that no code changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from r2u_rec.data.appending import append
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import SettingsError
from r2u_rec.rng import stream as random_stream
from r2u_rec.simulation.stream import Stream


def with_returns(log: InteractionLog, stream: Stream, *, seed: int) -> tuple[InteractionLog, NDArray[np.int64]]:
    """Returns `log` with the records of all who will come back behind it, and (n_new,) the times at which these become known.

    A person takes up a random share of the items that were known of the old key by then, at least one; the ratings are the
    old ones, the time is that of the return. What a policy did with the old records makes no difference.

    Raises:
        SettingsError: the old key is not in the log, or the new one is.
    """
    if not stream.returns:
        return log, np.empty(0, dtype=np.int64)
    old, new = log.user_keys.codes([r.user for r in stream.returns]), log.user_keys.codes([r.new_key for r in stream.returns])
    for one, before, after in zip(stream.returns, old, new, strict=True):
        if before < 0:
            raise SettingsError(f"{one.user!r} is to come back, but is not in the log: name a user_key of the log")
        if after >= 0:
            raise SettingsError(f"{one.user!r} is to come back as {one.new_key!r}, a key that the log has already: name a new one")
    later = np.full(len(log), stream.start, dtype=np.int64)
    later[log.positions(stream.arrival_ids)] = stream.arrival_times
    of_old = np.zeros(log.n_users, dtype=bool)
    of_old[old] = True
    theirs = np.flatnonzero(of_old[log.user])  # every row of returning users
    taken, who = [], []
    for number, (one, code) in enumerate(zip(stream.returns, old, strict=True)):
        rows = theirs[log.user[theirs] == code]
        rows = rows[later[rows] <= one.time]
        rows = rows[np.unique(log.item[rows], return_index=True)[1]]
        n = max(1, round(one.share * len(rows)))
        if len(rows):
            taken.append(np.sort(random_stream(seed, "return", number).choice(rows, n, replace=False)))
            who.append(np.full(n, number))
    keys = Vocabulary.of([one.new_key for one in stream.returns])
    rows = np.concatenate(taken) if taken else np.empty(0, dtype=np.int64)
    user = (np.concatenate(who) if who else np.empty(0)).astype(np.int32)
    times = np.array([one.time for one in stream.returns], dtype=np.int64)[user]
    records = InteractionLog(
        ids=np.arange(len(rows), dtype=np.int64),
        user=user,
        item=log.item[rows],
        time=None if log.time is None else times.copy(),
        rating=None if log.rating is None else log.rating[rows],
        user_keys=keys,
        item_keys=log.item_keys,
    )
    return append(log, records), times
