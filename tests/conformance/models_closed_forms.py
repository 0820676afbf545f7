"""Recommenders of closed forms and of alternating systems for the suite of recommenders: see `test_recommenders.py`."""

from __future__ import annotations

from typing import Any

from r2u_rec.core.protocols import Fitted
from r2u_rec.recsys.closed_form.als import AlsTrainer
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.closed_form.implicit_bpr import ImplicitBprTrainer
from r2u_rec.recsys.closed_form.item_knn import ItemKnn


def trained(trainer: Any) -> Any:
    return lambda log, seed: Fitted(trainer.train(None, log, seed=seed), log)


MODELS = {
    "EASE": lambda log, seed: Ease(reg=2.0).fit(None, log, seed=seed),
    "ItemKNN": lambda log, seed: ItemKnn(5, 0.0).fit(None, log, seed=seed),
    "ALS": trained(AlsTrainer(4, reg=0.5, alpha=4.0, sweeps=10)),
    "implicit BPR": trained(ImplicitBprTrainer(4, lr=0.1, reg=0.01, epochs=100)),
}
