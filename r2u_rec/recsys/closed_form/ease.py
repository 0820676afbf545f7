"""EASE: a linear item-item recommender in closed form, whose users and interactions can be erased exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from r2u_rec.core.protocols import Fitted
from r2u_rec.core.stored import StoredParts, StoredSource, as_tensor
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids, as_ids
from r2u_rec.recsys.closed_form.woodbury import downdated, gram_inverse, probe_error, probe_image, probe_vector
from r2u_rec.rng import stream

LARGEST_PROBE_ERROR = 1e-10
"""A down-dated inverse that misses its probe by more is thrown away and inverted anew; measured: 1e-14 and less."""


class EaseModel(nn.Module):
    """Scores every item for a user from the items in the user's history: X B with B = I - P diag(P)^-1.

    The model keeps P and never forms B: x B = x - (x P) / diag(P), which saves an array of n_items squared and all
    renormalising after an erasure. Histories are a plain attribute, set by `rebuild` and absent from the state dict.

    Attributes:
        inverse: (n_items, n_items) buffer, P = (X^T X + reg I)^-1.
        histories: (n_users, n_items) CSR of ones, what the users have now.
    """

    stored_as: ClassVar[str] = "ease_model"
    inverse: Tensor

    def __init__(self, inverse: Tensor, histories: sparse.csr_array) -> None:
        super().__init__()
        self.register_buffer("inverse", inverse)
        self.histories = histories

    def parts(self) -> StoredParts:
        """Returns P; histories are those of the records."""
        return StoredParts({"inverse": self.inverse})

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the model that was written, on the histories of its records."""
        return cls(source.tensors["inverse"], source.records.matrix())

    def rebuild(self, records: InteractionLog) -> None:
        """Sets the histories to those of `records`; the weights stay (they change through `Ease.forget`)."""
        if records.n_items != self.inverse.shape[0]:
            raise ValueError(f"the records name {records.n_items} items, the model has {self.inverse.shape[0]}: fit on these records")
        self.histories = records.matrix()

    @property
    def weights(self) -> Tensor:
        """(n_items, n_items) B with a zero diagonal, computed at each call."""
        weights = -self.inverse / self.inverse.diagonal()
        return weights.fill_diagonal_(0)

    def item_weights(self) -> NDArray[np.float64]:
        """Returns (n_items, n_items) what one item adds to the score of another."""
        return self.weights.to(torch.float64).numpy(force=True)

    def scores(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns (m, n_items) scores of the user codes `users`; nothing is masked."""
        return self.fold_in(self.histories[np.asarray(users, dtype=np.int64)])

    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]:
        """Returns (m, n_items) scores for people the model has never seen.

        Args:
            histories: (m, n_items) CSR, 1 where a person has the item.
        """
        inverse = self.inverse.numpy(force=True)
        rows = histories.astype(inverse.dtype)
        scores = -(rows @ inverse) / inverse.diagonal()
        at = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        np.add.at(scores, (at, rows.indices), rows.data)  # the diagonal of B is zero, not -1
        found: NDArray[np.float32] = scores.astype(np.float32)
        return found


@dataclass(frozen=True)
class EaseMemory:
    """What a later erasure needs: P in float64 and a probe of its accuracy; both stand on the current records alone.

    Attributes:
        inverse: (n_items, n_items) float64; the model's own buffer unless that is float32.
        probe: (n_items,) random signs.
        image: (n_items,) X^T X probe, exact whole numbers.
    """

    stored_as: ClassVar[str] = "ease"

    inverse: Tensor
    probe: NDArray[np.float64]
    image: NDArray[np.float64]

    def parts(self) -> StoredParts:
        """Returns every field."""
        return StoredParts({"inverse": self.inverse, "probe": as_tensor(self.probe), "image": as_tensor(self.image)})

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the memory that was written."""
        return cls(source.tensors["inverse"], source.tensors["probe"].numpy(), source.tensors["image"].numpy())

    @property
    def nbytes(self) -> int:
        """Bytes held, with the inverse, which may be the model's own."""
        return int(self.inverse.numel() * self.inverse.element_size() + self.probe.nbytes + self.image.nbytes)


@dataclass(frozen=True)
class Ease:
    """Fits EASE and erases from it, equal to fitting without the records up to rounding (P within 1e-8; measured far below).

    The inverse of the regularised Gram matrix is down-dated by Woodbury: rank one for a user who leaves, rank two for a
    user who loses some interactions; forgetting one of several records of the same pair changes nothing but the records.
    It inverts anew when the request is large, when a pivot is below 1e-6, or when a probe of the result misses by 1e-10.
    Each `forget` makes one new array of n_items squared (110 MB at 3,700 items), since the old `Fitted` stays usable.

    Attributes:
        reg: ridge on the item-item weights, > 0; larger is more cautious. Good on validation: 250 (ml-100k), 800 (ml-1m), a flat optimum.
        dtype: of the served model; the memory is float64 always.
        max_items: refuses larger catalogues, which need 8 * n_items^2 bytes an array.
        reinvert_share: a request that touches more users than this share of n_items is answered by a new inversion.

    Voids the promise: changing `fitted.model` or `fitted.memory` by hand between requests; `reg` of another fit.

    Source: Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019, equations 8 and 9.
    """

    exact: ClassVar[bool] = True

    reg: float = 250.0
    dtype: torch.dtype = torch.float64
    max_items: int = 20_000
    reinvert_share: float = 0.4

    def __post_init__(self) -> None:
        if not (np.isfinite(self.reg) and self.reg > 0):
            raise SettingsError(f"reg must be > 0 and finite, got {self.reg}: the Gram matrix alone has no inverse")
        if self.dtype not in (torch.float64, torch.float32):
            raise SettingsError(f"dtype must be torch.float64 or torch.float32, got {self.dtype}")
        if not 0 <= self.reinvert_share <= 1:
            raise SettingsError(f"reinvert_share must lie in [0, 1], got {self.reinvert_share}")

    def fit(self, task: Any, records: InteractionLog, *, seed: int) -> Fitted:
        """Returns the model of `records`; `task` is not used (None will do), `seed` draws the probe only."""
        if records.n_items > self.max_items:
            raise SettingsError(
                f"EASE on {records.n_items:,} items needs arrays of {8e-9 * records.n_items**2:.1f} GB, max_items is {self.max_items:,}: "
                f"pass max_items={records.n_items} if the memory is there (two arrays while forgetting), or use a factor model"
            )
        probe = probe_vector(records.n_items, stream(seed, "ease", "probe"))
        return self._inverted(records, records.matrix(), probe)

    def forget(self, task: Any, fitted: Fitted, ids: Ids, *, seed: int) -> Fitted:
        """Returns what `fit` on the records without `ids` returns, up to rounding; `fitted` is untouched.

        Raises:
            UnknownRecordError: ids that are not among `fitted.records`.
        """
        ids, memory = as_ids(ids), fitted.memory
        left = fitted.records.drop(ids)
        known: sparse.csr_array = fitted.model.histories
        gone = vanishing_pairs(fitted.records, left, ids)
        users = np.flatnonzero(np.diff(gone.indptr))
        histories = sparse.csr_array(known - gone)
        histories.eliminate_zeros()
        if users.size > self.reinvert_share * left.n_items:
            return self._inverted(left, histories, memory.probe)
        old, new = known[users], histories[users]
        inverse = downdated(memory.inverse, old, new)
        image = memory.image - probe_image(old, memory.probe) + probe_image(new, memory.probe)
        if inverse is None or not probe_error(inverse, self.reg, memory.probe, image) <= LARGEST_PROBE_ERROR:
            return self._inverted(left, histories, memory.probe)
        cut_off_(inverse, np.setdiff1d(old.indices, histories.indices), self.reg)
        return self._packed(left, histories, EaseMemory(inverse, memory.probe, image))

    def _inverted(self, records: InteractionLog, histories: sparse.csr_array, probe: NDArray[np.float64]) -> Fitted:
        inverse = gram_inverse(histories, self.reg)
        return self._packed(records, histories, EaseMemory(inverse, probe, probe_image(histories, probe)))

    def _packed(self, records: InteractionLog, histories: sparse.csr_array, memory: EaseMemory) -> Fitted:
        return Fitted(EaseModel(memory.inverse.to(self.dtype), histories).eval(), records, memory)


def cut_off_(inverse: Tensor, items: NDArray[np.int64], reg: float) -> None:
    """Gives items that nobody has any more the rows and columns of a fit without them, in place: zeros, and 1 / reg on the diagonal.

    A down-date leaves some 1e-16 there, which no score shows, but the order of such items among themselves does, and with it who left.
    """
    at = torch.from_numpy(np.asarray(items, dtype=np.int64))
    inverse[at] = 0
    inverse[:, at] = 0
    inverse[at, at] = 1 / reg


def vanishing_pairs(records: InteractionLog, left: InteractionLog, ids: Ids) -> sparse.csr_array:
    """Returns (n_users, n_items) CSR of ones at the user-item pairs of the records `ids` of which none is in `left`."""
    rows = records.positions(ids)
    code = np.unique(records.user[rows].astype(np.int64) * records.n_items + records.item[rows])
    touched = np.zeros(records.n_users, dtype=bool)
    touched[code // records.n_items] = True
    still = touched[left.user]
    code = np.setdiff1d(code, left.user[still].astype(np.int64) * left.n_items + left.item[still])
    user, item = np.divmod(code, records.n_items)
    gone = (np.ones(len(code), dtype=np.float32), (user.astype(np.int32), item.astype(np.int32)))
    return sparse.csr_array(gone, shape=(records.n_users, records.n_items))
