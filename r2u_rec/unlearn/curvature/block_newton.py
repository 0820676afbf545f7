"""Block Newton: one down-dated Newton step a row, from curvature kept at the end of training; retained data is not read."""

from __future__ import annotations

import copy
import fnmatch
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from r2u_rec.core.protocols import Rec, Task
from r2u_rec.core.stored import StoredParts, StoredSource
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.ids import Ids, as_ids
from r2u_rec.rng import stream
from r2u_rec.unlearn.curvature.blocks import TableBlocks, gather_blocks
from r2u_rec.unlearn.curvature.row_interactions import RowInteractions, SupportsRowInteractions

INTERACTIONS_AT_ONCE = 262_144
"""Interactions gathered at once; bounds the memory of a large request and of the end of training."""

Erase = Callable[[Ids, float], nn.Module]
Calibrate = Callable[[Task, nn.Module, Any, Erase], float]
"""(task, model, records, erase) -> length, where erase(ids, length) returns a copy of the model edited that far."""


@dataclass(frozen=True)
class NewtonMemory:
    """What is kept beside the model: blocks by table, and the length of the step."""

    stored_as: ClassVar[str] = "newton"

    tables: tuple[TableBlocks, ...]
    length: float

    def parts(self) -> StoredParts:
        """Returns the blocks and the length."""
        return StoredParts(
            values={"length": self.length, "n_tables": len(self.tables)}, inner={str(i): t for i, t in enumerate(self.tables)}
        )

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the memory that was written."""
        return cls(tuple(source.inner(str(i)) for i in range(source.values["n_tables"])), source.values["length"])

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return sum(t.nbytes for t in self.tables)


@dataclass(frozen=True)
class BlockNewton:
    """Moves each row by length * (H - H_F + (ridge + damping) I)^-1 g_F, once.

    H is the row's block at the end of training, H_F the part of the records to forget, g_F the gradient of their
    loss, summed. What is kept (`NewtonMemory`) holds curvature of every record, and the part of a forgotten record is deleted; the
    curvature of the others was computed with the influence of the forgotten records: approximate.

    Attributes:
        length: of the step; a number, or a rule that sets it once at the end of training (canaries), stored beside the blocks.
        damping: added to the diagonal; .1 forgets, 1.0 leaves most of the imprint.
        n_draws: samples for what the loss averages over, in the gradient of the request.
        n_kept: such samples a record in the blocks; the memory grows with it.
        tables: shell patterns of the tables to edit; None takes all that the task offers.
        shares: by shell pattern of tables, the share of `length` that they move by; 1 for tables that no pattern names.

    Source: Newton step of influence functions (Koh and Liang 2017, section 2) restricted to the diagonal blocks of rows, with H
        down-dated by the request.
    """

    length: float | Calibrate = 1.0
    damping: float = 0.1
    n_draws: int = 32
    n_kept: int = 1
    tables: tuple[str, ...] | None = None
    shares: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not callable(self.length) and not self.length >= 0:
            raise SettingsError(f"length must be >= 0, got {self.length}")
        if not self.damping > 0:
            raise SettingsError(f"damping must be > 0, got {self.damping}: rows without other interactions have no curvature of their own")
        if self.n_draws < 1:
            raise SettingsError(f"n_draws must be >= 1, got {self.n_draws}")
        if self.n_kept < 1:
            raise SettingsError(f"n_kept must be >= 1, got {self.n_kept}")
        for pattern, share in self.shares.items():
            if not share >= 0:
                raise SettingsError(f"shares must be >= 0, got {share} for {pattern!r}")

    def check(self, task: object) -> None:
        """Raises CapabilityError when the task cannot say how records meet rows."""
        _with_row_interactions(task)

    def remember(self, task: Task[Rec], model: nn.Module, records: Rec, *, seed: int) -> NewtonMemory:
        """Returns the blocks of `model` on `records`, and the length that the rule finds.

        Raises:
            CapabilityError: the task cannot say how records meet rows.
        """
        model.eval()
        parameters = dict(model.named_parameters())
        tables: dict[str, TableBlocks] = {}
        for ids, found in self._row_interactions(task, model, records, n_draws=self.n_kept, seed=seed):
            for c in found:
                part = gather_blocks(c, ids, len(parameters[c.table]))
                tables[c.table] = tables[c.table].joined(part) if c.table in tables else part
        memory = NewtonMemory(tuple(tables.values()), 0.0)
        for pattern in self.shares:
            if not fnmatch.filter(tables, pattern):
                raise SettingsError(f"shares name {pattern!r}, which matches none of the tables {list(tables)}")
        if not callable(self.length):
            return replace(memory, length=float(self.length))
        steps: dict[bytes, tuple[NewtonMemory, dict[str, Tensor]]] = {}

        def erase(ids: Ids, length: float) -> nn.Module:
            ids = as_ids(ids)
            if ids.tobytes() not in steps:
                steps.clear()
                steps[ids.tobytes()] = self._step(task, model, records.keep(ids), memory, seed=seed)
            edited = copy.deepcopy(model)
            _move_(edited, steps[ids.tobytes()][1], length)
            return edited

        return replace(memory, length=float(self.length(task, model, records, erase)))

    def edit_(self, task: Task[Rec], model: nn.Module, forget: Rec, memory: NewtonMemory, *, seed: int) -> NewtonMemory:
        """Moves the rows that the request meets, in place; returns the down-dated memory."""
        model.eval()
        left, step = self._step(task, model, forget, memory, seed=seed)
        _move_(model, step, memory.length)
        return left

    def _step(
        self, task: Task[Rec], model: nn.Module, forget: Rec, memory: NewtonMemory, *, seed: int
    ) -> tuple[NewtonMemory, dict[str, Tensor]]:
        parameters = dict(model.named_parameters())
        kept = {t.table: t for t in memory.tables}
        gradients: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in kept}
        features: dict[str, list[Tensor]] = {name: [] for name in kept}
        for _, found in self._row_interactions(task, model, forget, n_draws=self.n_draws, seed=seed):
            for c in found:
                gradients[c.table].append(_gradient(c, parameters[c.table].detach()))
                features[c.table].append(_paired(c, kept[c.table]))
        left, step = [], {}
        for name, table in kept.items():
            after = table.without(forget.ids, torch.cat(features[name]))
            rows, gradient = _summed(gradients[name])
            left.append(after)
            step[name] = torch.sparse_coo_tensor(
                rows.unsqueeze(0),
                self._share(name) * _solve(after, rows, gradient, self.damping).to(parameters[name]),
                parameters[name].shape,
                is_coalesced=True,
                check_invariants=False,
            )
        return NewtonMemory(tuple(left), memory.length), step

    def _share(self, table: str) -> float:
        return next((share for pattern, share in self.shares.items() if fnmatch.fnmatchcase(table, pattern)), 1.0)

    def _row_interactions(
        self, task: Task[Rec], model: nn.Module, records: Rec, *, n_draws: int, seed: int
    ) -> Iterator[tuple[Ids, list[RowInteractions]]]:
        """Yields ids and row interactions of the records in blocks of bounded size, in the order of their ids."""
        supporting = _with_row_interactions(task)
        size = max(1, INTERACTIONS_AT_ONCE // n_draws)
        for at in range(0, len(records.ids), size):
            ids = records.ids[at : at + size]
            with torch.no_grad():
                found = supporting.row_interactions(model, records, ids, n_draws=n_draws, rng=stream(seed, "contacts", at))
            chosen = [c for c in found if self.tables is None or any(fnmatch.fnmatchcase(c.table, p) for p in self.tables)]
            if not chosen:
                raise SettingsError(f"tables={list(self.tables or ())} matches none of {[c.table for c in found]}")
            yield ids, chosen


def _with_row_interactions(task: object) -> SupportsRowInteractions:
    if not isinstance(task, SupportsRowInteractions):
        raise CapabilityError(
            f"block Newton needs a task with row_interactions(model, records, ...), {type(task).__name__} has none: use gradient "
            "ascent or retrain"
        )
    return task


def _move_(model: nn.Module, step: dict[str, Tensor], length: float) -> None:
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, move in step.items():
            parameters[name].index_add_(0, move._indices()[0], move._values(), alpha=length)


def _paired(c: RowInteractions, table: TableBlocks) -> Tensor:
    """Returns the features that go with the interactions kept: one for all of a record's rows, or the first ones."""
    return c.features if c.features.shape[1] == 1 else c.features[:, : table.rows.shape[1]]


def _gradient(c: RowInteractions, values: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the rows (m,) met and the summed gradient (m, d) of loss and penalty in them."""
    n, k = c.rows.shape
    rows, inverse = torch.unique(c.rows.flatten(), return_inverse=True)
    owner = torch.arange(n).repeat_interleave(k) if c.features.shape[1] == 1 else torch.arange(n * k)
    columns = n if c.features.shape[1] == 1 else n * k
    slopes = torch.sparse_coo_tensor(
        torch.stack([inverse, owner]), c.slopes.flatten().double(), (len(rows), columns), check_invariants=False
    )
    gradient = torch.sparse.mm(slopes, c.features.reshape(columns, -1).double())  # (m, d)
    ridge = torch.zeros(len(rows), dtype=torch.float64).index_add_(0, inverse, c.ridges.flatten().double())
    return rows, gradient + ridge[:, None] * values[rows].double()


def _summed(parts: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Returns the ascending rows of all parts and the sums of their gradients."""
    if len(parts) == 1:
        return parts[0]
    rows, inverse = torch.unique(torch.cat([r for r, _ in parts]), return_inverse=True)
    gradients = torch.cat([g for _, g in parts])
    return rows, torch.zeros(len(rows), gradients.shape[1], dtype=gradients.dtype).index_add_(0, inverse, gradients)


def _solve(table: TableBlocks, rows: Tensor, gradient: Tensor, damping: float, chunk: int = 64) -> Tensor:
    """Returns (m, d) the Newton step of each row; a block that rounding left indefinite is clipped to its damping.

    `chunk` systems at a time stay in the processor's cache, which is what the time of a small request depends on.
    """
    out = torch.empty_like(gradient)
    for at in range(0, len(rows), chunk):
        systems = table.systems(rows[at : at + chunk], damping)
        factor, failed = torch.linalg.cholesky_ex(systems)
        right = gradient[at : at + chunk].unsqueeze(2)
        out[at : at + chunk] = torch.cholesky_solve(right, factor).squeeze(2)
        for i in failed.nonzero().flatten().tolist():
            values, vectors = torch.linalg.eigh(systems[i])
            out[at + i] = vectors @ ((vectors.T @ gradient[at + i]) / values.clamp_min(damping))
    return out
