"""Whether a task's `row_interactions` are the derivatives of its losses, by automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from r2u_rec.testing.checks import require, require_close
from r2u_rec.unlearn.curvature.row_interactions import RowInteractions


def flat_features(interactions: RowInteractions) -> Tensor:
    """Returns (n * c, d) the feature that goes with each entry of `rows.flatten()`."""
    n, c = interactions.rows.shape
    return interactions.features.expand(n, c, interactions.features.shape[-1]).reshape(n * c, -1)


def row_gradient(interactions: RowInteractions, table: Tensor) -> Tensor:
    """Returns (n_rows, d) the gradient that the interactions say: the sum of slope * feature + ridge * row over each row's meetings."""
    rows, table = interactions.rows.flatten(), table.detach()
    slopes, ridges = (part.flatten()[:, None].to(table) for part in (interactions.slopes, interactions.ridges))
    found = torch.zeros_like(table).index_add_(0, rows, slopes * flat_features(interactions).to(table))
    return found.index_add_(0, rows, ridges * table[rows])


def row_curvature(interactions: RowInteractions, row: int) -> Tensor:
    """Returns (d, d) the curvature that the interactions say for one row: the sum of curvature * feature feature^T, plus the ridges."""
    mine = interactions.rows.flatten() == row
    features = flat_features(interactions)[mine]
    weights, ridge = interactions.curvatures.flatten()[mine], interactions.ridges.flatten()[mine].sum()
    return (features * weights[:, None]).T @ features + ridge * torch.eye(features.shape[1], dtype=features.dtype)


def require_row_gradient(interactions: RowInteractions, table: Tensor, objective: Tensor, *, atol: float) -> None:
    """Requires that the interactions give the gradient of the scalar `objective` by `table`, within `atol`."""
    (wanted,) = torch.autograd.grad(objective, [table], retain_graph=True)
    found = row_gradient(interactions, table)
    wanted = wanted.to_dense() if wanted.is_sparse else wanted
    require_close(found.numpy(), wanted.numpy(), f"the gradient of {interactions.table} by row_interactions, against autograd", atol=atol)


def require_row_curvature(interactions: RowInteractions, table: Tensor, objective: Callable[[], Tensor], row: int, *, atol: float) -> None:
    """Requires that the interactions give the Hessian block of one row of `table`, within `atol`.

    The Hessian is the central difference of the gradient of `objective()` by the row, since tables with sparse gradients have no second
    derivative in torch; use a model in float64. The table comes back as it was.
    """
    step, kept, columns = 1e-5, table.detach()[row].clone(), []
    for i in range(table.shape[1]):
        sides = []
        for sign in (1.0, -1.0):
            with torch.no_grad():
                table[row, i] = kept[i] + sign * step
            (gradient,) = torch.autograd.grad(objective(), [table])
            sides.append((gradient.to_dense() if gradient.is_sparse else gradient)[row])
        with torch.no_grad():
            table[row] = kept
        columns.append((sides[0] - sides[1]) / (2 * step))
    require(bool((interactions.curvatures >= 0).all()), f"{interactions.table}: a curvature is below 0")
    found, wanted = row_curvature(interactions, row), torch.stack(columns, 1)
    require_close(found.numpy(), wanted.numpy(), f"the curvature of row {row} of {interactions.table}, against autograd", atol=atol)
