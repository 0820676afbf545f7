"""Several processes that train one model together, over torch.distributed; a single process runs the same code without communication."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor, distributed, nn

from r2u_rec.errors import CapabilityError
from r2u_rec.ids import Ids


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank: 0-based number of this one. size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def now(cls) -> Self:
        """Returns the processes of the default group of torch.distributed, as `torchrun` and `init_process_group` make it; else one."""
        if distributed.is_available() and distributed.is_initialized():
            return cls(distributed.get_rank(), distributed.get_world_size())
        return cls()

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and shows."""
        return self.rank == 0

    def share(self, ids: Ids) -> Ids:
        """Returns this process's part of a batch. All are of one size: up to size - 1 records are taken twice for that."""
        if self.size == 1:
            return ids
        each = -(-len(ids) // self.size)
        return np.resize(ids, each * self.size)[self.rank :: self.size]

    def any(self, flag: bool, device: torch.device) -> bool:
        """Returns whether the flag is set in any of the processes, the same answer in all."""
        if self.size == 1:
            return flag
        found = torch.tensor(int(flag), device=device)
        distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return bool(found)

    def same_(self, tensors: Iterable[Tensor]) -> None:
        """Gives the tensors the values of the first process."""
        if self.size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor.detach(), 0)

    def mean_gradients_(self, model: nn.Module) -> None:
        """Replaces every gradient by its mean over the processes; one that some lack counts as 0 there.

        Raises:
            CapabilityError: a gradient is sparse.
        """
        if self.size == 1:
            return
        parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        sparse = [name for name, p in parameters.items() if p.grad is not None and p.grad.is_sparse]
        if sparse:
            raise CapabilityError(
                f"the gradient of {sparse[0]!r} is sparse, and {self.size} processes cannot add those up: build the model with "
                "sparse=False, or train in one process"
            )
        there = torch.tensor([p.grad is not None for p in parameters.values()], dtype=torch.int32, device=next(model.parameters()).device)
        distributed.all_reduce(there, distributed.ReduceOp.MAX)
        for p, some in zip(parameters.values(), there.tolist(), strict=True):
            if some:
                p.grad = torch.zeros_like(p) if p.grad is None else p.grad
                distributed.all_reduce(p.grad)
                p.grad.div_(self.size)

    def wait(self) -> None:
        """Returns once all have come here."""
        if self.size > 1:
            distributed.barrier()
