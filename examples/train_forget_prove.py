"""Trains a recommender, erases some users by the Newton step, and judges what is left beside retrained models.

python examples/train_forget_prove.py            # MovieLens-100K, five trainings
python examples/train_forget_prove.py --toy      # a made-up log, seconds
"""

from __future__ import annotations

import argparse

import numpy as np
from made_up import tastes  # beside this file

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data import load_dataset, random_per_user
from r2u_rec.evaluate.imprint import FoldInProbe
from r2u_rec.evaluate.proof import ForgettingEvaluator
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.post_hoc import PostHoc


def main(toy: bool) -> None:
    log = tastes() if toy else random_per_user(load_dataset("ml-100k"), seed=0).train
    training = Training(epochs=80 if toy else 200, batch_size=8192, lr=0.1 if toy else 5e-3, schedule="linear", average_share=0.25)
    task = RankingTask(matrix_factorization(24 if toy else 64), reg=1e-3 if toy else 0.015)
    method = PostHoc(trainer := GradientTrainer(training), BlockNewton(length=1.0, n_draws=32))

    # Who asks, and as many who are never trained on: whom an attacker must tell them from.
    eligible_users = np.flatnonzero(log.user_counts >= 8)
    requesting_users, never = np.random.default_rng(0).choice(eligible_users, size=(2, 40 if toy else 90), replace=False)
    records = log.drop(log.ids_of_users(never))
    forget_users = records.ids_of_users(requesting_users)

    fitted = method.fit(task, records, seed=0)
    forgotten = method.forget(task, fitted, forget_users, seed=0)
    references = [trainer.train(task, records.drop(forget_users), seed=seed) for seed in (1, 2, 3)]
    before, untrained = (FoldInProbe(log, users, seed=0) for users in (requesting_users, never))
    prover = ForgettingEvaluator(references, before, untrained, remembered=fitted.model)  # refuses if it cannot see what is remembered

    print(f"{len(requesting_users)} users with {len(forget_users)} interactions leave; an AUC of .5 means nothing to tell")
    print(f"only their rows deleted   AUC {prover.evidence.remembered.auc:.3f}")
    found = prover.judge(forgotten.model)
    print(f"Newton step (approximate) AUC {found.auc:.3f} +- {found.auc_se:.3f}, adaptive attacker {found.adaptive_auc:.3f}")
    print(f"retrained, {len(references)} models       AUC {prover.evidence.reference_auc:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true")
    main(parser.parse_args().toy)
