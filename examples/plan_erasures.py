"""With 40,000 users, 60 requests a month and a deadline of one month: what should I run?

python examples/plan_erasures.py            # a made-up shop of that size, half a year: 4.2 minutes of processor time on one core, 1 GB
python examples/plan_erasures.py --toy      # 400 users, seconds

For that shop the answer is an exact model erased in weekly batches (EASE: .04 processor seconds a month, no deadline missed), and what
speaks against it: who holds the model from before and after a week reads who left at an AUC of .91.

A program to be read from top to bottom, cell by cell; put your own log, model and costs in its place.
"""

# %% Who is there: a made-up log here. A twentieth of the users is never trained on, to tell erased users apart from.
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
from made_up import tastes  # beside this file

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data import random_per_user
from r2u_rec.evaluate.snapshots import model_leak
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.report.simulation.advice import advise
from r2u_rec.report.simulation.page import write_simulation_page
from r2u_rec.report.simulation.results import Simulation
from r2u_rec.report.simulation.table import print_choose_table
from r2u_rec.simulation import (
    Policy,
    Stream,
    StreamEvaluator,
    calibrated_cost,
    calibrated_training,
    draw_requests,
    simulate_stream,
    users_who_asked,
)
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.retrain import Retrain

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--toy", action="store_true")
TOY = parser.parse_args().toy
MONTHS, PER_MONTH = (3, 8) if TOY else (6, 60)

parts = random_per_user(tastes(n_users=400 if TOY else 40_000, n_items=80 if TOY else 1_000), seed=0)
train = parts.train
holdout = np.sort(np.random.default_rng(0).choice(train.n_users, train.n_users // 20, replace=False))
log = train.keep(np.setdiff1d(train.ids, train.ids_of_users(holdout)))

# %% What will be asked: whole users, at random. `weights` takes a score of who is likely to, `incidents` a bad week.
start = pd.Timestamp("2026-01-01")
begin, end = int(start.timestamp()), int((start + pd.DateOffset(months=MONTHS)).timestamp())
stream = Stream(begin, end, draw_requests(log, start=begin, end=end, rate_per_month=PER_MONTH, seed=0), [], [])
checkpoints = [end]

# %% What could be run: two models, each with the policies that fit it.
training = Training(epochs=60 if TOY else 10, batch_size=8192 if TOY else 32_768, lr=0.1, schedule="linear", average_share=0.25)
factors = RankingTask(matrix_factorization(16 if TOY else 64), reg=1e-3 if TOY else 5e-4)
trainer = GradientTrainer(training)
newton, ease = PostHoc(trainer, BlockNewton(length=1.0, n_draws=16)), Ease(reg=50.0)
candidates = {
    "matrix factorisation": (
        factors,
        {"newton": newton, "retrain": Retrain(trainer)},
        (
            Policy("never", operator="none"),
            Policy("retrain monthly", operator="retrain", by_deadline=True),
            Policy("Newton at once", operator="newton"),
            Policy("Newton weekly", operator="newton", every_days=7),
        ),
    ),
    "EASE": (
        None,
        {"exact": ease, "retrain": ease},
        (Policy("EASE at once", operator="exact"), Policy("EASE weekly", operator="exact", every_days=7)),
    ),
}

# %% Play the months: models are really edited, only the clock is simulated. How far it is stands on standard error.
begun = time.monotonic()


def say(what: str) -> None:
    print(f"{time.monotonic() - begun:4.0f} s  {what}", file=sys.stderr, flush=True)


def by_months(name: str) -> Callable[[float], None]:
    over = 0

    def progress(share: float) -> None:
        nonlocal over
        if int(share * MONTHS) > over:
            over = int(share * MONTHS)
            say(f"{name}: {over} of {MONTHS} months are over")

    return progress


frames: dict[str, list[pd.DataFrame]] = {"requests": [], "batches": [], "checkpoints": []}
for model, (task, methods, policies) in candidates.items():
    say(f"{model}: a first training, and what each operator takes")
    method = next(iter(methods.values()))
    initial = method.fit(task, log, seed=0)
    costs = {name: calibrated_cost(each, task, initial, seed=0) for name, each in methods.items() if name != "retrain"}
    costs["retrain"] = calibrated_training(methods["retrain"], task, log, seed=0)

    def retrained(moment: int, task=task, method=methods["retrain"], model=model) -> list:
        say(f"{model}: two trainings without all who asked by {pd.Timestamp(moment, unit='s'):%d %B}, to hold the others against")
        left = log.drop(log.ids_of_users(users_who_asked(stream, log, moment)))
        return [method.fit(task, left, seed=seed).model for seed in (1, 2)]

    stayers = np.setdiff1d(np.flatnonzero(log.user_counts), users_who_asked(stream, log, end))
    seen, test = train.matrix() + parts.validation.matrix(), parts.test.matrix()
    watch = StreamEvaluator(
        train, holdout=holdout, stayers=stayers, seen=seen, test=test, references=retrained, remembered=initial.model, n_halves=1, seed=0
    )

    def observe(moment, watch=watch) -> dict:
        return watch.judge(moment.fitted.model, time=moment.time, received_users=users_who_asked(stream, log, moment.time))

    def leak(event) -> dict:
        gone = event.log.keep(event.ids).matrix()[event.users]
        found = model_leak(event.before.model, event.after.model, gone, event.users, item_counts=event.before.records.item_counts)
        return {"snapshot_auc": found.auc, "snapshot_baseline": found.baseline_auc}

    for policy in policies:
        first = initial if policy.operator in methods and policy.operator != "retrain" else type(initial)(initial.model, initial.records)
        played = simulate_stream(
            stream, policy, log, task, methods, first, costs=costs, seed=0,
            checkpoints=checkpoints, observe=observe, on_batch=leak, progress=by_months(policy.name),
        )  # fmt: skip
        for name, rows in frames.items():
            rows.append(getattr(played, name))
        print(f"{policy.describe()}")

# %% Which to choose.
simulation = Simulation(
    name="plan",
    command="python examples/plan_erasures.py",
    settings={"users": train.n_users, "requests a month": PER_MONTH, "months": MONTHS},
    policies={policy.name: asdict(policy) for _, _, each in candidates.values() for policy in each},
    start=begin,
    end=end,
    exact=("retrain", "exact"),
    **{name: pd.concat(rows) for name, rows in frames.items()},
)
print_choose_table(simulation)
advice = advise(simulation)
print(" ".join([advice.sentence, *advice.against]))
print(f"page: {write_simulation_page(simulation, Path(mkdtemp()) / 'plan.html')}")
