"""Prepares a recommender for erasure while it learns, and compares plain gradient ascent on it with the same on a standard one.

python examples/prepare_with_ready2unlearn.py            # MovieLens-100K
python examples/prepare_with_ready2unlearn.py --toy      # a made-up log, seconds
"""

from __future__ import annotations

import argparse

import numpy as np
from made_up import tastes  # beside this file

from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.protocols import Split
from r2u_rec.core.strategies import standard
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data import load_dataset
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.revocability import engagement
from r2u_rec.revocability.governance.policies import top_share
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.mean_loss import mean_loss
from r2u_rec.unlearn.post_hoc import PostHoc


def main(toy: bool) -> None:
    log = tastes() if toy else load_dataset("ml-100k")
    epochs = 40 if toy else 200
    training = Training(epochs=epochs, batch_size=1024 if toy else 8192, lr=5e-3, schedule="linear")
    task = RankingTask(matrix_factorization(16 if toy else 64), reg=0.015)
    revocable = np.arange(120) if toy else top_share(engagement(log), 0.5, seed=0)  # who may withdraw: a decision, not a discovery
    forget = log.ids_of_users(revocable)

    def request(rng: np.random.Generator) -> np.ndarray:
        """A simulated request: a fifth of those who may withdraw, all of their interactions."""
        return log.ids_of_users(rng.choice(revocable, size=len(revocable) // 5, replace=False))

    simulated = Preparation(
        request=request, alpha=1.0, alpha_unit="record", displace=("item_*",), bound="cap", bound_level=1.0, share_weighted=True,
        lambda0=0.3, lambda1=0.5, lambda3=1.0, normalised_weights=True, epochs=epochs // 4, n_forget=2048, n_retain=2048,
    )  # fmt: skip
    split = Split(forget, np.setdiff1d(log.ids, forget), forget[:0])
    arms = {"standard": standard, "Ready2Unlearn": Ready2Unlearn(split, simulated)}
    forget_users = log.ids_of_users(np.random.default_rng(1).choice(revocable, size=len(revocable) // 5, replace=False))
    staying = np.setdiff1d(log.ids, forget_users)
    unlearner = GradientAscent(steps=60, lr=0.02, reduction="sum", tables=("item_*",), target="chance")
    print("mean loss in nats, log 2 = .693 is chance; ascent stops once the leaving interactions are there")
    for name, step in arms.items():
        method = PostHoc(GradientTrainer(training, lambda records, step=step: step), unlearner)
        fitted = method.fit(task, log, seed=0)
        after = method.forget(task, fitted, forget_users, seed=0)
        before, kept = (mean_loss(task, now.model, log, staying, seed=0) for now in (fitted, after))
        print(f"{name:<14} staying: {before:.3f} before, {kept:.3f} after")
    print("A loss proves no forgetting: see train_forget_prove.py for the measurement beside retrained models.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true")
    main(parser.parse_args().toy)
