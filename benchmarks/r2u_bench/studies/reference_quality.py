"""Ranking quality of the models as such, under the protocols of published figures: full ranking, training and validation masked.

    r2u bench reference_quality --dataset ml-100k                        # all its models, seeds 0 1 2
    r2u bench reference_quality --dataset ml-1m --model mf --seeds 0
    r2u bench reference_quality --dataset ml-100k --model mf --part validation --seeds 100 --set lr=0.003 epochs=80

Each seed draws its own split and its own initial values. Figures on the test part are merged into
results/reference_quality.json; figures on the validation part (for choosing settings) are only printed.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from r2u_rec.core.training import Training, fit_
from r2u_rec.data import Parts, load_dataset, load_parts, random_per_user
from r2u_rec.evaluate.ranking import rank, ranking_metrics
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.serving.popularity import Popularity
from r2u_rec.recsys.tasks.ranking import RankingTask, lightgcn, matrix_factorization
from r2u_rec.report import read_benchmark, write_benchmark

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
NAME = "reference_quality"
PROTOCOLS = (
    "ml-100k and ml-1m: per user 8:1:1 at random, ml-1m with ratings of 3 and more only; gowalla: the published split.",
    "All items are ranked, those of training and validation masked.",
)
CUTS = (10, 20)


def parts_of(dataset: str, settings: dict[str, Any], seed: int) -> Parts:
    """Returns the parts of the protocol: the published split, or one at random by seed."""
    if settings["split"] == "published":
        return load_parts(dataset)
    log = load_dataset(dataset, min_rating=settings.get("min_rating"))  # users and items without a record after the filter are gone
    return random_per_user(log, (0.8, 0.1, 0.1), seed=seed)


def split_hash(parts: Parts) -> str:
    """Returns 16 hex digits of the sha256 over the record ids of the three parts."""
    digest = hashlib.sha256()
    for part in (parts.train, parts.validation, parts.test):
        digest.update(len(part).to_bytes(8, "little") + part.ids.tobytes())
    return digest.hexdigest()[:16]


def quality(model: Any, parts: Parts, part: str) -> dict[str, float]:
    """Returns the mean metrics on `part`; the test part is ranked with training and validation masked, validation with training."""
    seen = parts.train.matrix()
    if part == "test":
        seen = seen + parts.validation.matrix()
    relevant = getattr(parts, part).matrix()
    users = np.arange(parts.train.n_users)
    return ranking_metrics(rank(model, seen, users, max(CUTS)), relevant, users, CUTS).mean()


def fitted_model(name: str, settings: dict[str, Any], parts: Parts, seed: int, curve_every: int = 0) -> Any:
    """Returns the model `name` trained on the training part; with `curve_every`, prints the validation metrics on the way."""
    if name == "popularity":
        return Popularity.of(parts.train)
    if name == "ease":
        return Ease(reg=settings["reg"]).fit(None, parts.train, seed=seed).model
    task_settings = dict(settings["task"])
    shape = {key: task_settings.pop(key) for key in ("embedding_dim", "n_layers") if key in task_settings}
    task = RankingTask(build={"mf": matrix_factorization, "lightgcn": lightgcn}[name](**shape), **task_settings)
    model = task.model(parts.train, seed=seed)

    def curve(epoch: int, model: Any, row: dict[str, float]) -> None:
        if curve_every and (epoch + 1) % curve_every == 0:
            figures = {key: round(value, 4) for key, value in quality(model, parts, "validation").items() if key.startswith("NDCG")}
            print(f"  epoch {epoch + 1} loss {row['loss']:.4f} seconds {row['seconds']:.1f} {figures}", flush=True)

    fit_(model, task, parts.train, training=Training(**settings["training"]), seed=seed, callbacks=[curve])
    task.attach(model, parts.train)
    return model


def run(dataset: str, name: str, settings: dict[str, Any], seeds: list[int], part: str, curve_every: int) -> list[dict[str, Any]]:
    """Returns one row a seed: metrics, seconds, split."""
    rows = []
    for seed in seeds:
        parts = parts_of(dataset, settings, seed)
        begun = time.perf_counter()
        model = fitted_model(name, settings["models"][name], parts, seed, curve_every)
        seconds = time.perf_counter() - begun
        figures = quality(model, parts, part)
        rows.append(
            {"seed": seed, "split": split_hash(parts), "fit_seconds": round(seconds, 1), **{k: round(v, 5) for k, v in figures.items()}}
        )
        shown = {key: round(value, 4) for key, value in figures.items() if key.split("@")[0] in ("NDCG", "Recall")}
        print(f"{dataset} {name} seed {seed} {part}: {shown} in {seconds:.0f} s", flush=True)
    return rows


def write(dataset: str, name: str, settings: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Merges the figures of one data set and model into the results file; another run of the same pair replaces it."""
    path = RESULTS / f"{NAME}.json"
    kept = read_benchmark(path) if path.exists() else {"figures": [], "settings": {}, "split_hashes": {}}
    figures = [row for row in kept["figures"] if (row["data"], row["model"]) != (dataset, name)]
    figures += [{"data": dataset, "model": name, **row} for row in rows]
    figures.sort(key=lambda row: (row["data"], row["model"], row["seed"]))
    own = settings["models"][name]
    resolved = dict(own) | ({"training": asdict(Training(**own["training"]))} if "training" in own else {})
    protocol = {key: settings[key] for key in ("split", "min_rating", "headline") if key in settings}
    write_benchmark(
        RESULTS,
        NAME,
        question="How well do the models rank as such, under the protocols of published figures?",
        command="r2u bench reference_quality --dataset DATA --model MODEL",
        settings=kept["settings"] | {f"{dataset}, {name}": protocol | resolved},
        seeds=sorted({row["seed"] for row in figures}),
        figures=figures,
        by=("data", "model"),
        columns=("NDCG@10", "NDCG@20", "Recall@10", "Recall@20", "fit_seconds"),
        split_hashes=kept["split_hashes"] | {f"{dataset}, seed {row['seed']}": row["split"] for row in rows},
        notes=[*PROTOCOLS, *_reached(figures)],
    )


def _reached(figures: list[dict[str, Any]]) -> Iterator[str]:
    """Yields what was aimed at and what was reached, a sentence a model with a target."""
    everything = yaml.safe_load((HERE / "reference_quality.yaml").read_text())
    for dataset, settings in everything.items():
        for name, own in settings["models"].items():
            mine = [row[settings["headline"]] for row in figures if (row["data"], row["model"]) == (dataset, name)]
            if mine and "target" in own:
                share = float(np.mean(mine)) / own["target"] - 1
                yield f"{dataset}, {name}: {settings['headline']} {np.mean(mine):.4f}, aimed at {own['target']} ({share:+.1%})."


def overridden(settings: dict[str, Any], pairs: list[str]) -> dict[str, Any]:
    """Returns the settings of a model with `key=value` pairs in place: at the top, in training, or else in task."""
    out = {key: dict(value) if isinstance(value, dict) else value for key, value in settings.items()}
    for pair in pairs:
        key, _, text = pair.partition("=")
        home = out if key in out else out["training"] if key in Training.__dataclass_fields__ else out["task"]
        home[key] = yaml.safe_load(text)
    return out


def main(argv: list[str] | None = None) -> None:
    everything = yaml.safe_load((HERE / "reference_quality.yaml").read_text())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, choices=sorted(everything))
    parser.add_argument("--model", nargs="*", help="default: all that the settings file lists for the data set")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--part", choices=["test", "validation"], default="test")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings that differ; with --part validation only")
    parser.add_argument("--curve", type=int, default=0, metavar="N", help="print validation figures every N epochs")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(argv)
    if given.set and given.part == "test":
        parser.error("--set is for --part validation; what is reported stands in reference_quality.yaml")
    torch.set_num_threads(given.threads)
    settings = everything[given.dataset]
    for name in given.model or list(settings["models"]):
        if name not in settings["models"]:
            parser.error(f"no settings for model {name!r} on {given.dataset}: there are {', '.join(settings['models'])}")
        settings["models"][name] = overridden(settings["models"][name], given.set)
        rows = run(given.dataset, name, settings, given.seeds, given.part, given.curve)
        if given.part == "test":
            write(given.dataset, name, settings, rows)
        else:
            print(f"{given.dataset} {name} {given.set}: {np.mean([row[settings['headline']] for row in rows]):.4f}", flush=True)


if __name__ == "__main__":
    main()
