"""The settings of an evaluation: what is measured, and against how many references. Nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass

from r2u_rec.setting import setting


@dataclass(frozen=True)
class EvaluateSettings:
    """What is measured, and against how many references."""

    ks: tuple[int, ...] = setting((10, 20), "lengths of the ranked lists")
    # More than in `compare` (3) and at a checkpoint of a stream (2), where each is trained for every kind of request or checkpoint.
    n_references: int = setting(5, "retrained models; never fewer than two")
    n_halves: int = setting(5, "random halves of each history")
    arms: tuple[str, ...] = setting(("standard", "ready2unlearn"), "run: ways to train")
    methods: tuple[str, ...] = setting(("newton", "ascent"), "run: ways to forget")
    stop_auc: float | None = setting(
        0.55, "run: ascent stops once the imprint is no higher, so that methods compare at equal imprint; null: all steps"
    )
    with_ease: bool = setting(True, "run: a row for EASE with exact erasure")
    ease_reg: float = setting(250.0, "run: ridge of that row", "Steck 2019, section 4")
