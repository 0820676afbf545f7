"""The constructors of models, made from their specs: `r2u.MF(embedding_dim=64, epochs=200, method="retrain")`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from r2u_rec.api.arguments import checked, common_keys, described_arguments, loop_keys, model_keys, signature_of
from r2u_rec.api.choices import PrepareChoice, arm_constructor, method_choice
from r2u_rec.api.recommender import Recommender
from r2u_rec.config.plan import Plan
from r2u_rec.errors import SettingsError
from r2u_rec.registry.specs import ModelSpec
from r2u_rec.registry.tables import ARMS, METHODS, MODELS

READY = "Ready2Unlearn"
PREFIX = "recbole_"
"""Names of RecBole's models begin so in the registry."""


def model(name: str | ModelSpec, **settings: Any) -> Recommender:
    """Returns the model of that name, untrained; what `r2u.MF(...)` is for "mf".

    Args:
        name: of the registry, such as "mf" or one that was registered, or a spec.
        settings: of the model, of the loop that trains it, and what every model takes: prepare, method, seed, threads,
            calibration_share, progress.

    Raises:
        SettingsError: an unknown name or setting, the nearest is suggested; a value of another type; components that do not fit.
    """
    spec = MODELS.get(name) if isinstance(name, str) else name
    keys = model_keys(spec), loop_keys(spec), common_keys()
    every = {**keys[2], **keys[1], **keys[0]}
    given = checked(every, settings, f"setting of {spec.class_name}")
    own, loop, common = ({name: value for name, value in given.items() if name in group} for group in keys)
    loop = {name: value for name, value in loop.items() if name not in own}
    prepare = common.get("prepare")
    if prepare is not None and not isinstance(prepare, PrepareChoice):
        raise SettingsError(
            f"prepare must be r2u.Ready2Unlearn(...) or r2u.Prepare(name, ...), got {prepare!r}: a name alone does not say who is revocable"
        )
    seed, threads = common.get("seed", 0), common.get("threads", 1)
    if seed < 0:
        raise SettingsError(f"seed must be >= 0, got {seed}")
    if threads is not None and threads < 1:
        raise SettingsError(f"threads must be >= 1 or None, got {threads}")
    how = method_choice(common.get("method", "auto"))
    plan = Plan.of(
        spec,
        own,
        loop=loop,
        arm="standard" if prepare is None else prepare.name,
        arm_settings=None if prepare is None else prepare.settings,
        method=how.name,
        method_settings=how.settings or None,
        seed=seed,
        threads=threads,
    )
    return Recommender(plan, prepare=prepare, calibration_share=common.get("calibration_share", 0.0), progress=common.get("progress"))


def constructor(spec: ModelSpec) -> Callable[..., Recommender]:
    """Returns a function named as the model's class, with its settings in signature and docstring."""

    def make(**settings: Any) -> Recommender:
        return model(spec, **settings)

    groups = {"Args": model_keys(spec), "Settings of the training loop": loop_keys(spec), "For every model": common_keys()}
    make.__name__ = make.__qualname__ = spec.class_name
    make.__module__ = "r2u_rec"
    make.__doc__ = docstring(spec) + "\n" + described_arguments(groups)
    make.__signature__ = signature_of(list(groups.values()), Recommender)  # type: ignore[attr-defined]
    return make


def docstring(spec: ModelSpec) -> str:
    """Returns what is to be known before a model is chosen."""
    fit = ", ".join(name for name, how in METHODS.items() if not how.lacks(spec))
    lines = [spec.settings.__doc__ or spec.title, "", f"Source: {spec.source}", f"Forgets by {spec.method} (auto); {fit} fit it."]
    if spec.note:
        lines.append(spec.note)
    if spec.extra:
        lines.append(f"Needs the optional dependency {spec.extra}.")
    return "\n".join(lines)


def constructors() -> dict[str, str]:
    """Returns name in Python -> name in the registry, of every model that is a plain name; imports every light spec."""
    return {spec.class_name: name for name, spec in MODELS.items() if spec.class_name.isidentifier()}


def named(name: str) -> Callable[..., Any] | None:
    """Returns the constructor of that name, of a model or of `Ready2Unlearn`; None where there is none."""
    if name == READY:
        return arm_constructor(ARMS.get("ready2unlearn"), READY)
    registered = constructors().get(name)
    return None if registered is None else constructor(MODELS.get(registered))


def spec_named(name: str, class_name: str) -> ModelSpec:
    """Returns the spec of a model that was saved; `class_name` tells how recbole spells its own."""
    if name not in MODELS and name.startswith(PREFIX):
        return recbole_spec(class_name.partition("(")[2].strip("')"))
    return MODELS.get(name)


def RecBole(name: str, **settings: Any) -> Recommender:
    """Returns a general model of the library recbole, untrained, with that library's own defaults.

    Args:
        name: as recbole spells it, such as "SGL", "MultiVAE" or "DMF".
        settings: options=("embedding_size=64", ...) are the model's own; the others are those of every model.

    Raises:
        SettingsError: recbole has no such general model, the nearest is suggested; recbole is not installed.
    """
    return model(recbole_spec(name), **settings)


def recbole_spec(name: str) -> ModelSpec:
    """Returns the spec of a general model of recbole: the registered one, or one that offers what a toy of the model shows.

    Raises:
        SettingsError: recbole has no such general model. CapabilityError: the adapter does not take it, or recbole is not installed.
    """
    if not isinstance(name, str):
        raise SettingsError(f"RecBole takes the name of a model, such as 'SGL', got {name!r}")
    registered = PREFIX + name.lower()
    if registered in MODELS:
        return MODELS.get(registered)

    from r2u_rec.recsys.recbole.traits import traits_of
    from r2u_rec.registered.models.of_recbole import recbole_model

    traits = traits_of(name, {}, 1)
    offers = {"steps"}
    if traits.one_each:
        offers |= {"losses"}
    if traits.pairwise and traits.tables is not None:
        offers |= {"row interactions"}
    if traits.encodes or traits.tables is not None:
        offers |= {"fold-in"}
    if traits.tables == "propagated":
        offers |= {"graph"}
    return MODELS.add(recbole_model(name, offers=frozenset(offers)))
