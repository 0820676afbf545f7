"""Evolving interest: did a user's taste change between the halves of the history, beyond what chance makes of it?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import entr

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.revocability.history import Histories, grouped, histories
from r2u_rec.revocability.profile import item_profile
from r2u_rec.revocability.ranks import only_with_records
from r2u_rec.rng import stream


def evolving_interest(
    log: InteractionLog,
    *,
    categories: str | None = None,
    separator: str = " ",
    min_records: int = 10,
    n_shuffles: int = 20,
    seed: int = 0,
    threads: int = 2,
    ordered: Histories | None = None,
) -> NDArray[np.float64]:
    """Scores how far a user's taste moved between the two halves of the history.

    evolve(u) = (JS(first half, second half) - mean) / sd, where JS is the Jensen-Shannon divergence between the category
    distributions of the halves, and mean and sd are those of JS over random halves of the SAME user. The plain divergence
    is a length artefact (short histories give distant halves by chance alone); the z-score is not.

    Args:
        log: with a time column.
        categories, separator: the column of item categories, see `item_profile`; None describes items by popularity.
        min_records: users with fewer get 0, "no evidence of a change": some ten records cannot show one.
        n_shuffles: random halves a user; the standard deviation is known to about 1 / sqrt(2 n_shuffles).
        seed: of the random halves; same seed, same scores, whatever the number of threads.
        threads: chunks of users worked on at once.
        ordered: histories of this very log, when the caller has them already.

    Returns:
        (n_users,) float64, unit: standard deviations, unbounded, 0 for no more change than chance makes; exactly 0 where
        all random halves are equally far apart (one category only); NaN for users without records.

    Where it fails: a history within one session has an order but no drift (on MovieLens-100K 78 % of the users span less
    than a day); a catalogue whose categories changed over time makes everyone drift; a taste that goes and comes back
    within the halves is not seen.

    Raises:
        DataError: the log has no time column.
        SettingsError: n_shuffles < 2, min_records < 2, threads < 1, or no such category column.

    Source: Ready2Unlearn, introduction ("rapidly evolving interests"); the formula is ours.
    """
    for name, value, bound in (("n_shuffles", n_shuffles, 2), ("min_records", min_records, 2), ("threads", threads, 1)):
        if value < bound:
            raise SettingsError(f"{name} must be at least {bound}, got {value}")
    ordered = histories(log) if ordered is None else ordered
    # items of the same categories are one kind: the table of kinds stays in the processor's cache, that of items would not
    kinds, kind_of = np.unique(item_profile(log, categories, separator=separator), axis=0, return_inverse=True)
    kind_of = kind_of.astype(np.int32)
    out = np.zeros(log.n_users)

    def score_(users: tuple[int, int]) -> None:
        rng = stream(seed, "random halves", users[0])
        first, last = ordered.start[users[0]], ordered.start[users[1]]
        kind = kind_of[log.item[ordered.rows[first:last]]]
        out[users[0] : users[1]] = _z_scores(kind, ordered.start[users[0] : users[1] + 1] - first, kinds, n_shuffles, rng)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(score_, ordered.chunks()))
    out[log.user_counts < min_records] = 0.0
    return only_with_records(log, out)


def _z_scores(
    kind: NDArray[np.int32], start: NDArray[np.int64], kinds: NDArray[np.float64], n_shuffles: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(n_users,) z-scores of the users who own kind[start[u]:start[u + 1]], in order of time.

    A shuffle of all rows, grouped by user again, gives each user a random order.
    """
    if len(kind) == 0:
        return np.zeros(len(start) - 1)
    n_half = np.diff(start) // 2
    user = np.repeat(np.arange(len(n_half), dtype=np.int32), np.diff(start))
    chosen = np.flatnonzero(np.arange(len(kind)) - start[user] < n_half[user])  # the first half of each user, in any order
    half_start = np.concatenate([[0], np.cumsum(n_half)])

    total = _sums(kind, start, kinds)
    observed = _divergence(_sums(kind[chosen], half_start, kinds), total)
    drawn = np.empty((n_shuffles, len(n_half)))
    row = np.arange(len(kind), dtype=np.int32)
    for shuffle in drawn:
        mixed = rng.permutation(row)
        order = mixed[grouped(user[mixed], len(n_half))[0]]
        shuffle[:] = _divergence(_sums(kind[order[chosen]], half_start, kinds), total)
    mean, sd = drawn.mean(axis=0), drawn.std(axis=0, ddof=1)
    told = sd > 1e-9
    return np.where(told, (observed - mean) / np.where(told, sd, 1.0), 0.0)


def _sums(kind: NDArray[np.int32], start: NDArray[np.int64], kinds: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n_users, n_categories) how many of each user's items fall into each category."""
    members = sparse.csr_array((np.ones(len(kind)), kind, start), shape=(len(start) - 1, len(kinds)))
    return np.asarray(members @ kinds)


def _divergence(first: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n_users,) Jensen-Shannon divergence in nats between `first` and the rest of `total`, each as a distribution."""
    p = first / np.maximum(first.sum(axis=1, keepdims=True), 1e-12)
    rest = np.maximum(total - first, 0.0)
    q = rest / np.maximum(rest.sum(axis=1, keepdims=True), 1e-12)
    return np.maximum(entr((p + q) / 2).sum(axis=1) - (entr(p).sum(axis=1) + entr(q).sum(axis=1)) / 2, 0.0)
