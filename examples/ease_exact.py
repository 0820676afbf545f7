"""Erases users from EASE exactly, and shows it: the weights equal those of a fit that never saw them.

python examples/ease_exact.py            # MovieLens-100K
python examples/ease_exact.py --toy      # a made-up log
"""

from __future__ import annotations

import argparse
import time

from made_up import tastes  # beside this file

from r2u_rec.data import load_dataset
from r2u_rec.recsys.closed_form.ease import Ease


def main(toy: bool) -> None:
    log = tastes() if toy else load_dataset("ml-100k")
    method = Ease(reg=250.0)
    fitted = method.fit(None, log, seed=0)
    requesting_users = range(25)  # together: two versions that differ by one user give that user's history away
    ids = log.ids_of_users(requesting_users)

    begun = time.perf_counter()
    erased = method.forget(None, fitted, ids, seed=0)
    took = time.perf_counter() - begun
    again = method.fit(None, log.drop(ids), seed=0)

    moved = float((erased.model.weights - fitted.model.weights).abs().max())
    missed = float((erased.model.weights - again.model.weights).abs().max())
    print(f"{len(requesting_users)} users with {len(ids)} interactions erased in {1000 * took:.1f} ms")
    print(f"largest change of a weight by the erasure     {moved:.1e}")
    print(f"largest difference from a fit without them    {missed:.1e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true")
    main(parser.parse_args().toy)
