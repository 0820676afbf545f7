"""Reads a CSV with column names of its own, trains, recommends, and answers after an erasure.

python examples/own_data.py shop.csv --user customer --item product --time bought_at
python examples/own_data.py                  # writes a small file first, to have one
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.reading.read import read_log
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.serving.recommend import recommend


def a_small_shop(folder: Path) -> Path:
    """Returns a file in which customers of two kinds buy tea or coffee things."""
    rng = np.random.default_rng(0)
    lines = ["customer,product,bought_at"]
    for n in range(60):
        for day, product in enumerate(rng.choice(12, size=6, replace=False)):
            lines.append(f"c-{n:03},{('tea', 'coffee')[n % 2]}-{product},2024-0{1 + n % 9}-{10 + day} 12:00:00")
    (folder / "shop.csv").write_text("\n".join(lines) + "\n")
    return folder / "shop.csv"


def show(log: InteractionLog) -> None:
    print(f"{len(log)} interactions of {log.n_users} users with {log.n_items} items")
    method = Ease(reg=20.0)  # closed form, exact erasure; a catalogue above some 20,000 items wants a factor model
    fitted = method.fit(None, log, seed=0)
    key = log.user_keys.key(0)
    for said, now in (("before", fitted), ("erased", method.forget(None, fitted, log.ids_of_users([0]), seed=0))):
        answer = recommend(now, [key], k=3)[0]
        print(f"{said}: {key} gets {', '.join(map(str, answer.item_keys))} (by {answer.source})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?")
    for role, usual in (("user", "customer"), ("item", "product"), ("time", "bought_at"), ("time_unit", "iso")):
        parser.add_argument(f"--{role}", default=usual, help=f"default: {usual}")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = a.file or a_small_shop(Path(folder))
        show(read_log(source, user=a.user, item=a.item, time=a.time, time_unit=a.time_unit))
