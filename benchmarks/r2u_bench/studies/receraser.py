"""RecEraser on its own split of MovieLens-1M: ranking quality of shards, and what erasing one user costs.

    r2u bench receraser --flags FLAGS.npz                      # settings: receraser.yaml; seed 0
    r2u bench receraser --flags FLAGS.npz --part validation --seeds 900

FLAGS.npz holds one flag a row of ml-1m.inter in file order: 0 train, 1 test, 2 in neither. Full ranking, training items masked, as
in the released code. Seconds are processor seconds on one thread. Rows are written into results/receraser.json as they are measured;
what stands there is not measured again: delete the file after a change of the settings.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import nn

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data import InteractionLog, load_dataset
from r2u_rec.evaluate.ranking import rank, ranking_metrics
from r2u_rec.recsys.sharded.attention import Attention
from r2u_rec.recsys.sharded.receraser import ABSENT_BY, receraser
from r2u_rec.recsys.sharded.sharding import ByUser, served
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.report import read_benchmark, write_benchmark
from r2u_rec.rng import stream
from r2u_rec.unlearn.sharded import Sharded

HERE = Path(__file__).resolve().parent
NAME = "receraser"
PUBLISHED = {"user": 0.2184, "interaction": 0.2024, "hash": 0.1820}
"""Recall@20 at 5 shards with attention, by the README of a third party's code; its committed file for 10 shards has .0292 for users."""


@dataclass(frozen=True)
class ExperimentSplit:
    """The three parts of the split, over one vocabulary."""

    train: InteractionLog
    validation: InteractionLog
    test: InteractionLog

    def quality(self, model: nn.Module, part: str) -> dict[str, float]:
        """Returns mean Recall and NDCG at 20 on `part`, training items masked."""
        users, relevant = np.arange(self.train.n_users), getattr(self, part).matrix()
        means = ranking_metrics(rank(model, self.train.matrix(), users, 20), relevant, users, (20,)).mean()
        return {name: round(means[name], 5) for name in ("Recall@20", "NDCG@20")}


def read_world(flags: Path) -> ExperimentSplit:
    """Returns the split that the flags name; ValueError when they are not one for each record."""
    with np.load(flags) as file:
        flag = file[file.files[0]]
    log = load_dataset("ml-1m")
    if flag.shape != (len(log),):
        raise ValueError(f"{flags.name} holds flags of shape {flag.shape} for {len(log)} records: give one flag a row of ml-1m.inter")
    return ExperimentSplit(*(log.take(flag == value) for value in (0, 2, 1)))


@dataclass(frozen=True)
class Once:
    """A trainer that trains once for each seed of the benchmark: all partitions cluster the same vectors."""

    trainer: GradientTrainer
    seed: int
    made: list[nn.Module] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def train(self, task: Any, records: Any, *, seed: int) -> nn.Module:
        if not self.made:
            begun = time.process_time()
            self.made.append(self.trainer.train(task, records, seed=self.seed))
            self.seconds.append(time.process_time() - begun)
        return self.made[0]


@dataclass(frozen=True)
class Timed:
    """An aggregate whose processor seconds are written down."""

    aggregate: Any
    seconds: list[float] = field(default_factory=list)

    def __call__(self, task: Any, models: Sequence[nn.Module], parts: Sequence[Any], *, seed: int) -> nn.Module:
        begun = time.process_time()
        model = self.aggregate(task, models, parts, seed=seed)
        self.seconds.append(time.process_time() - begun)
        return model


Key = tuple[int, str, str]
"""(shards, partition, aggregate): what a row is a measurement of."""


def rows_of(s: dict[str, Any], world: ExperimentSplit, seed: int, part: str, done: set[Key]) -> Iterator[dict[str, Any]]:
    """Yields one row a model that is not `done`: the whole, then each partition with attention and with the mean."""
    shape = dict(s["task"])
    task = RankingTask(matrix_factorization(shape.pop("embedding_dim")), **shape)
    trainer = GradientTrainer(Training(**s["training"]), progress=False)
    if (1, "none", "none") not in done:
        begun = time.process_time()
        whole = trainer.train(task, world.train, seed=seed)
        seconds = {"fit_seconds": time.process_time() - begun, "erase_seconds": time.process_time() - begun, "retrained_share": 1.0}
        yield {"shards": 1, "partition": "none", "aggregate": "none"} | world.quality(whole, part) | seconds
    pretrain = Once(GradientTrainer(Training(**s["pretrain"]), progress=False), seed)
    for by, shards in product(s["partitions"], s["shards"]):
        if (shards, by, "attention") not in done or (shards, by, "mean") not in done:
            yield from sharded_rows(s, world, seed, part, task, trainer, pretrain, by, shards)


def sharded_rows(
    s: dict[str, Any],
    world: ExperimentSplit,
    seed: int,
    part: str,
    task: Any,
    trainer: GradientTrainer,
    pretrain: Once,
    by: str,
    shards: int,
) -> Iterator[dict[str, Any]]:
    """Yields the rows of one partition: with attention, and with the mean over the same shards."""
    learned = Timed(Attention(Training(**s["attention"]), absent=ABSENT_BY.get(by, "fold")))
    users = stream(seed, "erased").choice(np.flatnonzero(world.train.user_counts), s["erased_users"], replace=False)
    ids = world.train.ids_of_users(users)
    if by == "hash":
        method = Sharded(trainer, ByUser(), learned, shards=shards)
    else:
        method = receraser(trainer, task, shards=shards, by=by, pretrain=pretrain, own_items=by in s["own_items"], aggregate=learned)
    known = sum(pretrain.seconds)  # vectors of an earlier partition: as if they were trained anew
    begun = time.process_time()
    fitted = method.fit(task, world.train, seed=seed)
    fit_seconds = time.process_time() - begun + (known if by != "hash" else 0)
    erase_seconds = None
    if by in s["erase"]:
        begun = time.process_time()
        method.forget(task, fitted, ids, seed=seed)
        erase_seconds = time.process_time() - begun
    common = {"shards": shards, "partition": by, "retrained_share": method.touched_share(fitted, ids)}
    parts = [world.train.take(fitted.memory.shard_of == shard) for shard in range(shards)]
    mean = Timed(served())
    plain = mean(task, fitted.memory.models, parts, seed=seed)
    for name, model, own in (("attention", fitted.model, 0.0), ("mean", plain, learned.seconds[0] - mean.seconds[0])):
        row = common | {"aggregate": name} | world.quality(model, part) | {"fit_seconds": fit_seconds - own}
        yield row | ({"erase_seconds": erase_seconds} if erase_seconds is not None and name == "attention" else {})


def split_hashes(world: ExperimentSplit) -> dict[str, str]:
    """Returns 16 hex digits of the sha256 over the record ids of each part."""
    return {name: hashlib.sha256(part.ids.tobytes()).hexdigest()[:16] for name, part in vars(world).items()}


def write(folder: Path, s: dict[str, Any], world: ExperimentSplit, rows: list[dict[str, Any]]) -> Path:
    """Writes all rows, and what was aimed at."""
    reached = [
        f"{by}, 5 shards, attention: Recall@20 {np.mean(mine):.4f}, aimed at {PUBLISHED[by]} ({np.mean(mine) / PUBLISHED[by] - 1:+.1%})."
        for by in PUBLISHED
        if (mine := [r["Recall@20"] for r in rows if (r["shards"], r["partition"], r["aggregate"]) == (5, by, "attention")])
    ]
    return write_benchmark(
        folder,
        NAME,
        question="How well do shards rank on RecEraser's own split of MovieLens-1M, and what does erasing one user cost?",
        command="r2u bench receraser --flags FLAGS.npz",
        settings=s,
        seeds=sorted({row["seed"] for row in rows}),
        figures=rows,
        by=("shards", "partition", "aggregate"),
        columns=("Recall@20", "NDCG@20", "fit_seconds", "erase_seconds", "retrained_share"),
        split_hashes=split_hashes(world),
        notes=[
            *reached,
            "Figures aimed at: README of a third party's code; its committed results for 10 shards are .0292 (user, attention) and below.",
            "partition none is one model on all training records: erasing a user trains it again. hash deals users by a keyed hash, exact.",
            "Seconds are processor seconds of one thread on a shared machine; fit_seconds count the pre-training of the clustered vectors.",
            "Full ranking, training items masked; validation records are neither trained on nor masked.",
        ],
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flags", type=Path, required=True)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--part", choices=["test", "validation"], default="test")
    parser.add_argument("--partitions", nargs="*", help="default: those of the settings")
    parser.add_argument("--shards", nargs="*", type=int)
    parser.add_argument("--results", type=Path, default=HERE.parent / "results")
    a = parser.parse_args(argv)
    torch.set_num_threads(1)
    s = yaml.safe_load((HERE / "receraser.yaml").read_text())
    world, path = read_world(a.flags), a.results / f"{NAME}.json"
    chosen = s | {key: value for key, value in (("partitions", a.partitions), ("shards", a.shards)) if value}
    for seed in a.seeds:
        kept = read_benchmark(path)["figures"] if path.exists() and a.part == "test" else []
        done = {(row["shards"], row["partition"], row["aggregate"]) for row in kept if row["seed"] == seed}
        for row in rows_of(chosen, world, seed, a.part, done):
            print(row, flush=True)
            kept.append({"seed": seed} | {k: round(v, 4) if k.endswith(("seconds", "share")) else v for k, v in row.items()})
            if a.part == "test":
                kept.sort(key=lambda row: (row["shards"], row["partition"], row["aggregate"], row["seed"]))
                write(a.results, s, world, kept)


if __name__ == "__main__":
    main()
