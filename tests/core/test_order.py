"""A task may say in which order a pass meets its records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core_toys import Classify, points

from r2u_rec.core.training import Training, fit_

RECORDS = points(20)


@dataclass(frozen=True)
class Ordered(Classify):
    seen: list = field(default_factory=list)
    drawn: list = field(default_factory=list)

    def order(self, records: Any, *, rng: Any) -> Any:
        self.drawn.append(int(rng.integers(10**9)))
        return records.ids[::-1]

    def batch(self, records: Any, ids: Any, *, rng: Any) -> Any:
        self.seen.append(ids.tolist())
        return super().batch(records, ids, rng=rng)


def trained(seed: int) -> Ordered:
    task = Ordered()
    fit_(task.model(RECORDS, seed=0), task, RECORDS, training=Training(epochs=2, batch_size=8), seed=seed, progress=False)
    return task


def test_batches_come_in_the_order_of_the_task():
    backwards = RECORDS.ids[::-1].tolist()
    assert trained(0).seen == 2 * [backwards[:8], backwards[8:16], backwards[16:]]


def test_each_pass_has_a_stream_of_its_own_and_the_same_seed_the_same():
    first, again, other = trained(0).drawn, trained(0).drawn, trained(1).drawn
    assert first == again != other
    assert first[0] != first[1]
