"""The lines of the benchmark: which methods of the registry run, after which ways to train, and what a settings file may set of them.

Title, source, family, what is read and needed, and the defaults of options are the registry's; here stands what differs. A method, an
arm or a closed form that stands in none of these lines, such as another package's, gets a line by itself: `line_of_method`,
`line_of_arm` and `line_of_closed_form`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from r2u_bench.rivals.systems.system import System
from r2u_rec.registry.specs import ArmSpec, MethodSpec, ModelSpec
from r2u_rec.registry.tables import ARMS, METHODS, MODELS

LENGTH, RULE = "length", "canaries"
"""Every edit that has a length goes as far as canaries say, and no line's default is a number."""

OPERATORS = {"rows_deleted": "no edit", "ascent": "ascent", "newton": "Newton"}
"""What follows a way to train -> its words in a title."""


def line(name: str, *shown: str, method: str | None = None, fixed: Mapping[str, Any] | None = None, **other: Any) -> System:
    """Returns the line of a method of the registry.

    Args:
        shown: settings that a settings file may set; their defaults are the method's, but of the length.
        method: where it is not called as the line is. fixed: settings that the line is about.
        other: fields of `System` that differ from the method's, and under `options` defaults that do.
    """
    spec = METHODS.get(method or name)
    changed = other.pop("options", {})
    words = {"title": spec.title, "source": spec.source, "family": spec.family}
    return System(name, **{**words, **other}, method=spec, options={**defaults(spec, shown), **changed}, fixed=fixed or {})


def defaults(spec: MethodSpec, shown: tuple[str, ...]) -> dict[str, Any]:
    """Returns the defaults of the method's settings of those names; that of a length is the rule."""
    own = spec.settings()
    return {name: RULE if name == LENGTH else getattr(own, name) for name in shown}


def trained(arm: str, operator: str, way: str | None = None, **words: str) -> System:
    """Returns the line of a way to train, with the method that follows: ascent, the Newton step, or rows deleted and no edit.

    Args:
        way: the preset's name of the arm's settings, where it is another than the arm's. words: title or source, where another.
    """
    spec, way = ARMS.get(arm), way or arm
    own = {"title": f"{spec.title}, {OPERATORS[operator]}", "source": spec.source, **words}
    name = way if operator == "rows_deleted" else f"{way}_{operator}"
    shown, changed = (ASCENT, PUBLISHED_STEPS) if operator == "ascent" else ((), {})
    fixed = {LENGTH: RULE} if operator == "newton" else {}
    return line(name, *shown, method=operator, fixed=fixed, options=changed, family="training", arm=spec, way=way, **own)


ASCENT = ("steps", "lr", LENGTH)
PUBLISHED_STEPS = {"steps": 10}
"""The library climbs up to 40 steps, to stop at a target; here the rule for the length multiplies the way of ten."""


def own_lines() -> tuple[System, ...]:
    """Returns our own lines, in the order of tables; each has a note in `notes`."""
    return (
        line("retrain"),
        line("rows_deleted"),
        line("ascent", *ASCENT, options=PUBLISHED_STEPS),
        line(
            "ascent_bounded",
            *ASCENT,
            method="ascent",
            fixed={"bound": "cap"},
            options={**PUBLISHED_STEPS, "bound_level": 1.0},
            title="ascent, bounded",
            source="ours: no loss counts beyond a level",
        ),
        line("npo", "steps", "lr", LENGTH, "beta"),
        line("newton", LENGTH, "damping", "n_draws"),
        line("fine_tune", "epochs", "lr"),
        line("ascent_retain", "steps", "lr", "weight", LENGTH),
        line("npo_retain", "steps", "lr", "beta", "weight", LENGTH),
        line("influence", "solver", "damping", LENGTH),
        line("scif", "damping"),
        line("ifru", "hops", "damping", LENGTH),
        line("eul", "steps", "lr", "rank", "batch_size", "forget_weight", "push", LENGTH),
        line("alt_eraser", "rounds"),
        trained("reweighted", "ascent"),
        trained("noisy", "ascent"),
        trained("clipped", "ascent"),
        trained("phased", "ascent"),
        trained("private", "rows_deleted"),
        trained("private", "ascent"),
        trained("isolated", "rows_deleted"),
        trained(
            "ready2unlearn",
            "ascent",
            "paper",
            title="Ready2Unlearn as printed, ascent",
            source="Ready2Unlearn, Algorithm 1, printed settings",
        ),
        trained("ready2unlearn", "ascent"),
        trained("ready2unlearn", "newton", source="the same, then the Newton step"),
        line("sisa", "shards", "slices", "combine", "fold_all"),
        line("receraser", "shards", "by", "own_items"),
        line("ultrare", "shards", "by", "own_items"),
        line("grapheraser", "shards", "by"),
        line("ease_exact", method="exact", model="ease", title="EASE, down-date", source="Woodbury down-date; Steck 2019"),
        line(
            "item_knn_exact",
            method="exact",
            model="item_knn",
            title="ItemKNN, counts subtracted",
            source="Cao and Yang 2015, statistical queries",
        ),
        line("unlearn_als", "sweeps"),
        line("fru", "kept_share", "calibration_share"),
    )


def lines_of_others(own: tuple[System, ...]) -> list[System]:
    """Returns a line for each method, arm and closed form of the registry that has none among `own`."""
    methods = {one.method.name for one in own}
    arms = {one.arm.name for one in own if one.arm is not None} | {"standard"}
    models = {one.model for one in own}
    return [
        *(line_of_method(spec) for name, spec in METHODS.items() if name not in methods),
        *(line_of_arm(spec) for name, spec in ARMS.items() if name not in arms),
        *(line_of_closed_form(spec) for name, spec in MODELS.items() if spec.closed_form is not None and name not in models),
    ]


def line_of_method(spec: MethodSpec) -> System:
    """Returns the line of a method whose every setting may be set."""
    return line(spec.name, *(one.name for one in fields(spec.settings)))


def line_of_arm(spec: ArmSpec) -> System:
    """Returns the line of a way to train, followed by ascent."""
    return trained(spec.name, "ascent")


def line_of_closed_form(spec: ModelSpec) -> System:
    """Returns the line of a recommender that erases exactly by itself."""
    return line(f"{spec.name}_exact", method="exact", model=spec.name, title=f"{spec.title}, exact", source=spec.source)
