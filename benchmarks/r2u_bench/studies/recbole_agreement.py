"""Do models of recbole learn the same through our trainer as through the library's own?

    r2u bench recbole_agreement        # settings: recbole_agreement.yaml; --again measures what stands in the results too

Each seed splits ml-100k (the copy inside the library) once, by the library's own loader. The library trains with its Trainer on its
loaders; we train a `recbole_task` with `GradientTrainer` on the same records. The library's own evaluator ranks the test part for both.
Of the library only what newer numpy and scipy removed is put back: names in numpy, and the adjacency matrix.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.recsys.recbole.config import config_class
from r2u_rec.recsys.recbole.library import contained, quiet, recbole_module
from r2u_rec.recsys.recbole.repairs import model_class
from r2u_rec.recsys.recbole.task import recbole_task
from r2u_rec.report import write_benchmark

HERE = Path(__file__).resolve().parent
METRICS = ("recall@10", "mrr@10", "ndcg@10", "hit@10", "precision@10")
GONE = {"bool": np.bool_, "int": np.int_, "float": np.float64, "object": np.object_, "str": np.str_}


@contextmanager
def workshop(seed: int) -> Iterator[None]:
    """The library's own surroundings: a folder for the logs that it writes, the names it knows numpy by, and its global seed."""
    put_back = [name for name in GONE if name not in vars(np)]
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, quiet(), contained(seed):
        os.chdir(folder)
        for name in put_back:
            setattr(np, name, GONE[name])
        try:
            yield
        finally:
            os.chdir(here)
            for name in put_back:
                delattr(np, name)


def library_side(name: str, epochs: int, seed: int) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Returns the library's trainer after its training, its training and test loaders, and what the test part says."""
    settings = {"epochs": epochs, "seed": seed, "show_progress": False, "device": torch.device("cpu"), "metric_decimal_place": 6}
    utils, data = recbole_module("recbole.utils"), recbole_module("recbole.data")
    config = config_class()(model=model_class(name), dataset="ml-100k", config_dict=settings)
    utils.init_seed(seed, True)
    dataset = data.create_dataset(config)
    train, _, test = data.data_preparation(config, dataset)
    utils.init_seed(seed, True)
    model = model_class(name)(config, train.dataset)
    trainer = recbole_module("recbole.trainer").Trainer(config, model)
    begun = time.process_time()
    trainer.fit(train, None, verbose=False, saved=False, show_progress=False)
    seconds = time.process_time() - begun
    return trainer, train, test, judged(trainer, test) | {"cpu_seconds": seconds}


def judged(trainer: Any, test: Any) -> dict[str, float]:
    """Returns what the library's evaluator says of the trainer's model on the test part."""
    return {key: float(value) for key, value in trainer.evaluate(test, load_best_model=False).items()}


def log_of(train: Any) -> InteractionLog:
    """Returns the library's training part as our log: codes are its indices less the padding."""
    dataset = train.dataset
    user, item = (dataset.inter_feat[field].numpy().astype(np.int32) - 1 for field in (dataset.uid_field, dataset.iid_field))
    keys = [Vocabulary(pd.RangeIndex(n - 1).astype(np.int64)) for n in (dataset.user_num, dataset.item_num)]
    return InteractionLog(np.arange(len(user), dtype=np.int64), user, item, None, None, *keys)


def our_side(name: str, epochs: int, seed: int, log: InteractionLog, batch_size: int) -> tuple[Any, float]:
    """Returns the library's model as our trainer leaves it, and the processor seconds of its training."""
    trainer = GradientTrainer(Training(epochs=epochs, batch_size=batch_size, lr=1e-3), progress=False)
    begun = time.process_time()
    model = trainer.train(recbole_task(name), log, seed=seed)
    return model.model, time.process_time() - begun


def rows_of(name: str, epochs: int, seed: int) -> tuple[list[dict[str, Any]], str]:
    """Returns the figures of both sides for one seed, and the hash of the split."""
    with workshop(seed):
        trainer, train, test, theirs = library_side(name, epochs, seed)
        log = log_of(train)
        # records a batch: where negatives are examples of their own, half of the library's 2,048 are negatives
        trainer.model, seconds = our_side(name, epochs, seed, log, train.step)
        ours = judged(trainer, test) | {"cpu_seconds": seconds}
    split = hashlib.sha256(np.sort(log.pairs).tobytes()).hexdigest()[:16]
    sides = {"library": theirs, "ours": ours, "ours - library": {key: ours[key] - theirs[key] for key in METRICS}}
    return [{"model": name, "side": side, "seed": seed, "epochs": epochs} | found for side, found in sides.items()], split


def verdicts(rows: list[dict[str, Any]]) -> list[str]:
    """Says for each model and metric how far apart the sides are, beside the spread of the library's own seeds."""
    lines = []
    for name in dict.fromkeys(row["model"] for row in rows):
        for key in METRICS:
            side = {s: [r[key] for r in rows if r["model"] == name and r["side"] == s] for s in ("library", "ours", "ours - library")}
            n = len(side["ours"])
            if n > 1:
                half = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}.get(n, 2.5) * stdev(side["ours - library"]) / n**0.5
                lines.append(
                    f"{name} {key}: library {mean(side['library']):.4f} (sd {stdev(side['library']):.4f}), ours {mean(side['ours']):.4f} "
                    f"(sd {stdev(side['ours']):.4f}), paired difference {mean(side['ours - library']):+.4f} +- {half:.4f}, n = {n}"
                )
    return lines


def missing(s: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    """Says which of the planned seeds have no figures yet; the same command measures those alone."""
    measured = {(row["model"], row["seed"]) for row in rows}
    left = [f"{model} {seed}" for model, seeds in s["seeds"].items() for seed in seeds if (model, seed) not in measured]
    return [f"Planned and not reached: {', '.join(left)}."] if left else []


def main(argv: list[str] | None = None) -> None:
    s = yaml.safe_load((HERE / "recbole_agreement.yaml").read_text())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", action="store_true", help="do not take a seed's figures from the results file")
    parser.add_argument("--results", type=Path, default=HERE.parent / "results")
    a = parser.parse_args(argv)
    torch.set_num_threads(1)
    file = a.results / "recbole_agreement.json"
    before = json.loads(file.read_text()) if file.exists() and not a.again else {"figures": [], "split_hashes": {}}
    rows, hashes = [], dict(before["split_hashes"])
    for name, seed in ((model, seed) for model, seeds in s["seeds"].items() for seed in seeds):
        epochs = s["epochs"][name]
        found = [row for row in before["figures"] if (row["model"], row["seed"], row["epochs"]) == (name, seed, epochs)]
        if not found:
            found, hashes[f"train, seed {seed}"] = rows_of(name, epochs, seed)
        rows += found
        print(*({key: row[key] for key in ("model", "side", "seed", *METRICS)} for row in found), sep="\n", flush=True)
        path = write_benchmark(
            a.results,
            "recbole_agreement",
            question="Do models of recbole learn the same through our trainer as through the library's own, on ml-100k?",
            command="r2u bench recbole_agreement",
            settings=s,
            seeds=sorted({row["seed"] for row in rows}),
            figures=rows,
            by=("model", "side"),
            columns=METRICS,
            split_hashes=hashes,
            notes=[
                "Paired by split; +- is the 95 % interval of the mean paired difference (Student's t).",
                *verdicts(rows),
                *missing(s, rows),
            ],
        )
    print(path)


if __name__ == "__main__":
    main()
