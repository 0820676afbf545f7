"""A method of your own, beside those of the library: in fit, in forget, and compared with others on the same requests.

    python examples/register_a_method.py             # MovieLens-100K, minutes
    python examples/register_a_method.py --toy

The method moves each erased user's items a little towards the mean of all items: simple, approximate, and measured.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from made_up import tastes
from torch import nn

import r2u_rec as r2u


@r2u.register_method("towards_mean", needs=("tables", "rows"))
@dataclass(frozen=True)
class TowardsMean:
    """Moves the items that are to be forgotten towards the mean item. Approximate.

    Attributes:
        rate: how far a record moves its item, in [0, 1].
    """

    rate: float = 0.02

    def remember(self, task: Any, model: nn.Module, records: Any, *, seed: int) -> None:
        """Keeps nothing from training."""

    def edit_(self, task: Any, model: Any, forget: Any, memory: None, *, seed: int) -> None:
        """Edits the item table in place; `forget` are the records that leave."""
        items, times = np.unique(forget.item, return_counts=True)
        with torch.no_grad():
            table = model.item_embedding.weight  # (n_items, d)
            share = torch.from_numpy((1 - self.rate) ** times).to(table.dtype)[:, None]  # (m, 1)
            table[items] = share * table[items] + (1 - share) * table.mean(0)


def main(toy: bool) -> None:
    """Trains, forgets and compares."""
    log = tastes(160, 60, 12) if toy else r2u.load_dataset("ml-100k")
    settings = {"embedding_dim": 8, "epochs": 40, "lr": 0.05, "batch_size": 256, "reg": 0.0} if toy else {}
    model = r2u.MF(method=r2u.Method("towards_mean", rate=0.05), **settings).fit(log)
    print(model)
    print(model.forget(users=[log.user_keys.key(code) for code in range(20)]))
    print(r2u.compare(["towards_mean", "rows_deleted", "newton"], r2u.MF(**settings), log, seeds=1, requests=["random"]).summary())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="a made-up log, seconds")
    main(parser.parse_args().toy)
