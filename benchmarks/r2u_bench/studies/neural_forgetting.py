"""Can neural recommenders forget, and at what cost? A transformer over sequences, NeuMF, an autoencoder in three forms, LightGCN.

    r2u bench neural_forgetting --seeds 10 11 12     # settings in neural_forgetting.yaml
    r2u bench neural_forgetting --seeds 900 --part validation --models SASRec

The last form is how settings are chosen: quality is that of the validation part, the test part is not read, seeds from 900 on are never
reported, and the rows are printed, not written.

A tenth of the users of ml-100k, drawn from the upper half by revocability, ask at once; as many, matched to them, were never trained on.
Each model is retrained without them as often as `n_references` says, is edited by the down-dated Newton step on its item-facing
tables, and is judged by fold-in, by its own loss, and by the attacker who combines them. SASRec is split by time within each user, the
others at random. Writes results/neural_forgetting.json; a finished model of a finished seed is kept in the folder --work and not
repeated.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
CHOOSING = 900
"""Seeds from here on are for choosing settings."""


def main(argv: list[str] | None = None) -> None:
    settings = yaml.safe_load((HERE / "neural_forgetting.yaml").read_text())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--part", choices=["test", "validation"], default="test")
    parser.add_argument("--models", nargs="+", choices=list(settings["models"]), default=list(settings["models"]))
    parser.add_argument("--work", type=Path, default=Path("runs/neural_forgetting"), help="where finished parts are kept")
    parser.add_argument("--results", type=Path, default=HERE.parent / "results")
    a = parser.parse_args(argv)
    if (a.part == "test") != (max(a.seeds) < CHOOSING):
        parser.error(f"settings are chosen on the validation part of seeds from {CHOOSING} on, the others are reported, got {a.seeds}")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    a.work.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    hashes: dict[str, str] = {}
    for seed in a.seeds:
        for name in a.models:
            found = _kept(a.work, name, seed, settings, a.part)
            rows += found["rows"]
            hashes |= found["split_hashes"]
    from r2u_bench.studies.neural_forgetting_table import show, write  # beside this file

    print(show(rows))
    if a.part == "test":
        print(write(rows, a.seeds, settings, hashes, a.results))


def _kept(work: Path, name: str, seed: int, settings: dict[str, Any], part: str) -> dict[str, Any]:
    common = {key: value for key, value in settings.items() if key != "models"}
    mine = json.loads(json.dumps([common, settings["models"][name]]))
    file = work / f"{name} {part} {seed}.json".replace(" ", "_")
    if file.exists():
        found: dict[str, Any] = json.loads(file.read_text())
        if found["settings"] == mine:
            return found
    from r2u_bench.studies.neural_forgetting_study import seed_rows  # torch reads its thread count at import

    found = seed_rows(name, seed, settings, part) | {"settings": mine}
    unfinished = file.with_suffix(".part")
    unfinished.write_text(json.dumps(found))
    unfinished.replace(file)
    return found


if __name__ == "__main__":
    main()
