"""Curvature blocks: one d x d matrix a row, gathered at the end of training and down-dated at each request."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from r2u_rec.core.stored import StoredParts, StoredSource, as_tensor
from r2u_rec.ids import Ids, positions_of, stretches_between
from r2u_rec.unlearn.curvature.row_interactions import RowInteractions


@dataclass(frozen=True)
class TableBlocks:
    """The curvature of the training loss in the rows of one table, and each record's part in it.

    Attributes:
        table: parameter name.
        blocks: (n_rows, d, d) sum of curvature times feature feature^T over the interactions of each row; for a table of own
            rows (1, d, d), the mean over all interactions.
        ridges: (n_rows,) sum of the L2 weights; counts: (n_rows,) number of interactions, used by tables of own rows.
        ids: (n,) the records in it; rows (n, c) int32 and curvatures, record_ridges (n, c): each one's part, so that
            what is subtracted is exactly what was added. A record's part leaves with the record.
        features: (n, c, d) of tables that a record meets with a feature a row; None where one feature serves all its rows and is
            computed again at a request, and for tables of own rows.

    Floating tensors have the model's own precision, counts float64.
    """

    stored_as: ClassVar[str] = "table_blocks"

    table: str
    blocks: Tensor
    ridges: Tensor
    counts: Tensor
    own: bool
    ids: Ids
    rows: Tensor
    curvatures: Tensor
    record_ridges: Tensor
    features: Tensor | None = None

    @property
    def nbytes(self) -> int:
        """Bytes kept for this table."""
        parts = (self.blocks, self.ridges, self.counts, self.rows, self.curvatures, self.record_ridges, self.features)
        return sum(t.numel() * t.element_size() for t in parts if t is not None) + self.ids.nbytes

    def parts(self) -> StoredParts:
        """Returns every field; `from_parts` puts them back."""
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        tensors = {name: value for name, value in kept.items() if isinstance(value, Tensor)}
        return StoredParts({**tensors, "ids": as_tensor(self.ids)}, {"table": self.table, "own": self.own})

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the blocks that were written."""
        tensors = dict(source.tensors)
        return cls(table=source.values["table"], own=source.values["own"], ids=tensors.pop("ids").numpy(), **tensors)

    def part_of(self, ids: Ids) -> tuple[Tensor, Tensor, Tensor]:
        """Returns rows, curvatures and ridges (m, c) of the records `ids`."""
        at = torch.from_numpy(positions_of(self.ids, ids))
        return self.rows[at].long(), self.curvatures[at], self.record_ridges[at]

    def without(self, ids: Ids, features: Tensor) -> TableBlocks:
        """Returns the blocks without the records `ids`, whose features (m, 1 or c, d) are given, unless they were kept."""
        rows, curvatures, ridges = self.part_of(ids)
        if self.features is not None:
            features = self.features[torch.from_numpy(positions_of(self.ids, ids))]
        left = stretches_between(positions_of(self.ids, ids), len(self.ids))
        counts = self.counts.clone().index_add_(0, rows.flatten(), torch.ones(rows.numel(), dtype=torch.float64), alpha=-1)
        total = self.ridges.clone().index_add_(0, rows.flatten(), ridges.flatten(), alpha=-1)
        blocks = self.blocks.clone()
        if self.own:
            n, m = float(self.counts.sum()), float(rows.numel())
            gone = sum_of_blocks(torch.zeros_like(rows), curvatures, features, 1)[1]
            blocks = (blocks * n - gone) / max(n - m, 1.0)
        else:
            touched, gone = sum_of_blocks(rows, curvatures, features)
            blocks.index_add_(0, touched, gone, alpha=-1)
        return replace(
            self,
            blocks=blocks,
            ridges=total.clamp_min_(0),
            counts=counts,
            ids=np.concatenate([self.ids[s] for s in left]),
            rows=torch.cat([self.rows[s] for s in left]),
            curvatures=torch.cat([self.curvatures[s] for s in left]),
            record_ridges=torch.cat([self.record_ridges[s] for s in left]),
            features=None if self.features is None else torch.cat([self.features[s] for s in left]),
        )

    def joined(self, other: TableBlocks) -> TableBlocks:
        """Returns the blocks of both sets of records; the ids of `other` come after those of this one."""
        counts = self.counts + other.counts
        n, m = float(self.counts.sum()), float(other.counts.sum())
        blocks = (self.blocks * n + other.blocks * m) / max(n + m, 1.0) if self.own else self.blocks + other.blocks
        return replace(
            self,
            blocks=blocks,
            ridges=self.ridges + other.ridges,
            counts=counts,
            ids=np.concatenate([self.ids, other.ids]),
            rows=torch.cat([self.rows, other.rows]),
            curvatures=torch.cat([self.curvatures, other.curvatures]),
            record_ridges=torch.cat([self.record_ridges, other.record_ridges]),
            features=None if self.features is None or other.features is None else torch.cat([self.features, other.features]),
        )

    def systems(self, rows: Tensor, damping: float) -> Tensor:
        """Returns (m, d, d) the damped blocks of `rows` in float64."""
        if self.own:
            data = self.blocks.to(torch.float64) * self.counts[rows].to(torch.float64)[:, None, None]
        else:
            data = self.blocks[rows].to(torch.float64, copy=True)
        data.diagonal(dim1=1, dim2=2).add_((self.ridges[rows].to(torch.float64) + damping)[:, None])
        return data


def gather_blocks(interactions: RowInteractions, ids: Ids, n_rows: int) -> TableBlocks:
    """Returns the blocks of a table from the interactions of all records `ids`, (n, c)."""
    rows, d = interactions.rows, interactions.features.shape[-1]
    flat = rows.flatten()
    dtype = interactions.features.dtype
    counts = torch.bincount(flat, minlength=n_rows).double()
    ridges = torch.zeros(n_rows, dtype=dtype).index_add_(0, flat, interactions.ridges.flatten().to(dtype))
    if interactions.own:
        blocks = sum_of_blocks(torch.zeros_like(rows), interactions.curvatures, interactions.features, 1)[1] / max(float(counts.sum()), 1.0)
    else:
        touched, sums = sum_of_blocks(rows, interactions.curvatures, interactions.features)
        blocks = torch.zeros(n_rows, d, d, dtype=dtype)
        blocks[touched] = sums
    parts = (rows.to(torch.int32), interactions.curvatures.to(dtype), interactions.ridges.to(dtype))
    kept = None if interactions.own or interactions.features.shape[1] == 1 else interactions.features
    return TableBlocks(interactions.table, blocks, ridges, counts, interactions.own, np.asarray(ids), *parts, features=kept)


def sum_of_blocks(rows: Tensor, weights: Tensor, features: Tensor, n_rows: int | None = None) -> tuple[Tensor, Tensor]:
    """Returns the ascending unique rows (m,) and (m, d, d) sums of weight * feature feature^T, without an (n, d, d) array.

    Args:
        rows, weights: (n, c). features: (n, c, d) or (n, 1, d).
    """
    c = rows.shape[1]
    order = torch.argsort(rows.flatten(), stable=True)
    touched, sizes = torch.unique_consecutive(rows.flatten()[order], return_counts=True)
    out = torch.empty(len(touched), features.shape[-1], features.shape[-1], dtype=features.dtype)
    owner, slot = order // c, (order % c if features.shape[1] > 1 else torch.zeros_like(order))
    w = weights.flatten()[order].to(features.dtype)
    start = 0
    chunk = 65536
    for at, size in enumerate(sizes.tolist()):
        total = torch.zeros(out.shape[1:], dtype=out.dtype)
        for s in range(start, start + size, chunk):
            e = min(s + chunk, start + size)
            f = features[owner[s:e], slot[s:e]]  # (e - s, d)
            total += (f * w[s:e, None]).T @ f
        out[at] = total
        start += size
    return touched, out
