"""Closed forms and alternating systems in the conformance suite: see `roster.py`."""

from __future__ import annotations

from roster import TRAINERS

from r2u_rec.core.protocols import Method
from r2u_rec.recsys.closed_form.als import AlsTrainer
from r2u_rec.recsys.closed_form.implicit_bpr import ImplicitBprTrainer
from r2u_rec.recsys.closed_form.item_knn import ItemKnn
from r2u_rec.recsys.closed_form.unlearn_als import UnlearnAls
from r2u_rec.recsys.edits.alt_eraser import AltEraser
from r2u_rec.recsys.sharded.sharding import ByUser, served
from r2u_rec.recsys.tasks.ranking import RankingTask
from r2u_rec.unlearn.retrain import Retrain
from r2u_rec.unlearn.sharded import Sharded

ALS = AlsTrainer(4, reg=0.5, alpha=4.0, sweeps=10)
BPR = ImplicitBprTrainer(4, lr=0.1, reg=0.01, epochs=100)
TASKS = {"factors": RankingTask(lambda log, seed: ALS.model(log, seed=seed))}
METHODS: dict[str, Method] = {
    "item knn": ItemKnn(5, 0.0),
    "item knn, shrunk": ItemKnn(3, 2.0),
    "unlearn-als": UnlearnAls(ALS, n_sweeps=2),
    "unlearn-als, rows alone": UnlearnAls(ALS, n_sweeps=0),
    "alt-eraser": AltEraser(TRAINERS["standard"], n_rounds=2),
    "retrain als": Retrain(ALS),
    "sharded als": Sharded(ALS, ByUser(), served(), shards=2),
    "retrain implicit bpr": Retrain(BPR),
}
PAIRS = [
    ("item knn", "none"),
    ("item knn, shrunk", "none"),
    ("unlearn-als", "factors"),
    ("unlearn-als, rows alone", "none"),
    ("alt-eraser", "MF, BPR"),
    ("alt-eraser", "MF, BCE"),
    ("alt-eraser", "LightGCN"),
    ("retrain als", "factors"),
    ("sharded als", "factors"),
    ("retrain implicit bpr", "factors"),
]
