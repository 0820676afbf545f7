"""The regularised Gram inverse P = (X^T X + reg I)^-1, its exact down-date, and a probe that measures its error.

    P' = P - P U (S + U^T P U)^-1 U^T P,      G' = G + U S U^T,      S = diag(+-1)

A row x that leaves X is a column of U with sign -1; a row that changes is its old form with -1 beside its new form with +1.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack
from torch import Tensor

SMALLEST_PIVOT = 1e-6
"""Below this eigenvalue of S + U^T P U a down-date loses too many digits (1 - x^T P x of one user)."""

_BLOCK = 1024


def gram_inverse(rows: sparse.csr_array, reg: float) -> Tensor:
    """Returns (n_items, n_items) float64 P = (X^T X + reg I)^-1, symmetric, in one array: Cholesky factor and inverse in place.

    Args:
        rows: (m, n_items) the matrix X, any real entries.
        reg: ridge, > 0.
    """
    n_items = rows.shape[1]
    rows = rows.astype(np.float64)
    columns = rows.T.tocsr()
    gram = np.empty((n_items, n_items))
    for start in range(0, n_items, _BLOCK):  # never a second array of n_items squared
        gram[start : start + _BLOCK] = (columns[start : start + _BLOCK] @ rows).toarray()
    gram[np.diag_indices(n_items)] += reg
    # .T makes the C array the Fortran one that LAPACK overwrites; it is symmetric, so this changes nothing else
    factor, failed = lapack.dpotrf(gram.T, lower=1, clean=0, overwrite_a=1)
    if not failed:
        factor, failed = lapack.dpotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise ValueError(f"X^T X + reg I is not positive definite in float64 with reg={reg} (LAPACK info {failed}): use a larger reg")
    inverse = factor.T  # the upper triangle is filled
    for start in range(0, n_items, _BLOCK):
        stop = start + _BLOCK
        corner = inverse[start:stop, start:stop]
        corner[:] = np.triu(corner) + np.triu(corner, 1).T
        inverse[stop:, start:stop] = inverse[start:stop, stop:].T
    return torch.from_numpy(np.ascontiguousarray(inverse))


def downdated(inverse: Tensor, old: sparse.csr_array, new: sparse.csr_array, block_rows: int = 256) -> Tensor | None:
    """Returns P' after the rows `old` of X became `new`, as one new array; `inverse` keeps its values.

    Args:
        inverse: (n, n) float64 P.
        old, new: (m, n) each row before and after; a row of zeros in `new` is one that left.
        block_rows: rows of X handled by one product; bounds the extra memory to about 4 * block_rows * n numbers.

    Returns:
        (n, n) float64, or None where a pivot is below `SMALLEST_PIVOT`: the caller then inverts anew.

    Source: Woodbury; Steck, "Embarrassingly Shallow Autoencoders" (WWW 2019), for what P is.
    """
    result = torch.from_numpy(inverse.numpy().copy())  # numpy asks for huge pages: a fifth of the time of clone()
    for start in range(0, old.shape[0], block_rows):
        removed, added = old[start : start + block_rows], new[start : start + block_rows]
        added = added[np.diff(added.indptr) > 0]
        update = sparse.vstack([removed, added], format="csr").astype(np.float64)  # U^T (r, n)
        signs = np.repeat([-1.0, 1.0], [removed.shape[0], added.shape[0]])
        image = update @ result.numpy()  # U^T P (r, n)
        pivots, axes = np.linalg.eigh(np.diag(signs) + update @ image.T)  # S + U^T P U
        if np.abs(pivots).min() < SMALLEST_PIVOT:
            return None
        right = torch.from_numpy(axes.T @ image)  # (r, n)
        result.addmm_((right / torch.from_numpy(pivots)[:, None]).T, right, alpha=-1)
    return result


def probe_vector(n_items: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Returns (n_items,) random signs; knows nothing of any record."""
    return rng.choice([-1.0, 1.0], size=n_items)


def probe_image(rows: sparse.csr_array, probe: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns (n_items,) X^T X probe: whole numbers for a binary X, so that adding and subtracting rows never rounds."""
    rows = rows.astype(np.float64)
    image: NDArray[np.float64] = rows.T @ (rows @ probe)
    return image


def probe_error(inverse: Tensor, reg: float, probe: NDArray[np.float64], image: NDArray[np.float64]) -> float:
    """Returns the largest entry of P G v - v: for random signs v, an estimate of the relative error of P in one product."""
    return float(np.abs(inverse.numpy() @ (image + reg * probe) - probe).max())
