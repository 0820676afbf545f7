"""How much privacy a run of `core.privacy.private` has spent; needs the extra "privacy"."""

from __future__ import annotations

import math
import warnings
from typing import Literal

import numpy as np

from r2u_rec.core.privacy.private import SAMPLINGS, Sampling
from r2u_rec.errors import SettingsError
from r2u_rec.optional import needed_for

Accountant = Literal["rdp", "prv"]
ACCOUNTANTS = ("rdp", "prv")


def epsilon(
    *,
    n_records: int,
    batch_size: int,
    n_steps: int,
    noise_multiplier: float,
    delta: float,
    sampling: Sampling = "poisson",
    accountant: Accountant = "rdp",
) -> float:
    """Returns the epsilon, at `delta`, of `n_steps` steps of `private` with the same settings; infinite without noise.

    Neighbours differ in one record that is there or not; which neighbour n_records counts is taken as public. "poisson" is the
    subsampled Gaussian mechanism at the rate batch_size / n_records. "shuffled": a record is in one step an epoch, and the
    other steps are post-processing, hence one Gaussian mechanism an epoch begun, without amplification; the Poisson
    figure, customarily quoted for shuffled batches too, can be far too small for them (Chua et al. 2024).

    Args:
        n_records: records trained on. batch_size, noise_multiplier, sampling: as given to `private`.
        n_steps: steps taken: `History.steps`.
        delta: in (0, 1), customarily below 1 / n_records.
        accountant: "rdp" an upper bound by Renyi divergence; "prv" tighter, numerical to within .01, slow for very large epsilon.

    Raises:
        SettingsError: a setting out of range. CapabilityError: opacus is not installed.

    Source: Mironov et al. (2019) and Gopi et al. (2021), both by opacus.
    """
    if not 0 < delta < 1:
        raise SettingsError(f"delta must lie in (0, 1), got {delta}")
    if not 1 <= batch_size <= n_records:
        raise SettingsError(f"batch_size must lie in [1, n_records={n_records}], got {batch_size}")
    if noise_multiplier < 0 or n_steps < 0:
        raise SettingsError(f"noise_multiplier and n_steps must be >= 0, got {noise_multiplier} and {n_steps}")
    for name, value, known in (("sampling", sampling, SAMPLINGS), ("accountant", accountant, ACCOUNTANTS)):
        if value not in known:
            raise SettingsError(f"{name} must be one of {', '.join(known)}, got {value!r}")
    if n_steps == 0:
        return 0.0
    if noise_multiplier == 0:
        return math.inf
    with needed_for("epsilon"):
        from opacus.accountants import PRVAccountant, RDPAccountant
    rate, rounds = batch_size / n_records, n_steps
    if sampling == "shuffled":
        rate, rounds = 1.0, math.ceil(n_steps / math.ceil(n_records / batch_size))
    found = RDPAccountant() if accountant == "rdp" else PRVAccountant()
    found.history = [(noise_multiplier, rate, rounds)]
    with warnings.catch_warnings(), np.errstate(divide="ignore"):  # opacus takes log(0) on purpose at the rate 1
        warnings.filterwarnings("ignore", message="Optimal order is the")  # the bound holds at every order, only less tightly
        return float(found.get_epsilon(delta=delta))
