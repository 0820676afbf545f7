"""The goldfish mask: which tokens a document never teaches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from r2u_rec.errors import SettingsError

_CONTEXT = 13
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio


def goldfish_mask(tokens: NDArray[np.integer], share: float = 0.25, context: int = _CONTEXT) -> NDArray[np.bool_]:
    """Returns (n, L) which tokens are hidden from the loss: about `share` of them, the same ones at every call.

    A token is hidden when a hash of the `context` tokens before it falls below `share`. So the mask is a function of the text
    alone: a passage that occurs twice is hidden at the same places, and no epoch shows what another one hides. The first
    token of a row is no target and never hidden; near the beginning the hash takes what there is before the token.

    Args:
        tokens: (n, L) token numbers. share: in [0, 1).

    Raises:
        SettingsError: share outside [0, 1), or context < 1.

    Source: Hans et al., Be like a Goldfish, Don't Memorize!, 2024, Section 3.1: the hashed mask with k = 1 / share and h = 13.
        There the first h tokens are never hidden; here they may be, as documents are short.
    """
    if not 0 <= share < 1:
        raise SettingsError(f"the share of hidden tokens must lie in [0, 1), got {share}")
    if context < 1:
        raise SettingsError(f"context must be >= 1, got {context}")
    values = _mixed(tokens.astype(np.uint64) + np.uint64(1))
    found = np.zeros(tokens.shape, dtype=np.uint64)
    for back in range(min(context, tokens.shape[1] - 1), 0, -1):  # the farthest first
        found[:, back:] = _mixed(found[:, back:] * _ODD + values[:, :-back])
    hidden = (found >> np.uint64(11)).astype(np.float64) * 2.0**-53 < share
    hidden[:, 0] = False
    return np.asarray(hidden)


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Returns numbers whose every bit depends on every bit of `x` (the finaliser of SplitMix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
