"""Decorators by which a class of one's own becomes a model, a way to train or a method, everywhere that names are taken."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import field, fields, is_dataclass, make_dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from r2u_rec.errors import SettingsError
from r2u_rec.registry.specs import OFFERS, ArmSpec, MethodSpec, ModelSpec, NoSettings, Recipe
from r2u_rec.registry.tables import ARMS, METHODS, MODELS
from r2u_rec.suggest import unknown

if TYPE_CHECKING:
    from r2u_rec.core.protocols import Method
    from r2u_rec.core.training import Training
    from r2u_rec.registry.context import MethodContext

C = TypeVar("C", bound=type)

TRAINER = "trainer"
"""A field of this name without a default is given how the model is trained; it is no setting."""


def register_method(name: str, *, title: str | None = None, source: str = "", needs: Iterable[str] = ()) -> Callable[[C], C]:
    """Returns a class decorator that makes a class a method of forgetting: `@r2u.register_method("mine")`.

    The class is one of two. With `edit_(task, model, forget, memory, *, seed)` and `remember(task, model, records, *, seed)` it edits a
    trained model in place (with a further argument `left` after `forget` it reads what remains too). With `fit(task, records, *, seed)`
    and `forget(task, fitted, ids, *, seed)` it is a whole method, and may have a field `trainer`, which is then how the model is trained.
    The fields of a dataclass are its settings: `r2u.Method("mine", rate=0.1)`.

    Args:
        name: by which it is asked for, in `forget`, `compare` and settings alike.
        title, source: for tables. needs: what a model must offer, names of `registry.OFFERS`, such as "losses".

    Raises:
        SettingsError: the name is taken, the class is neither, or an unknown need.
    """

    def register(kind: C) -> C:
        edits = hasattr(kind, "edit_") and hasattr(kind, "remember")
        whole = hasattr(kind, "fit") and hasattr(kind, "forget")
        if edits == whole:
            raise SettingsError(
                f"{kind.__name__} must have edit_ and remember, which edit a trained model, or fit and forget, which are a whole method"
            )
        reads_left = edits and "left" in inspect.signature(getattr(kind, "edit_")).parameters  # noqa: B009
        exact = getattr(kind, "exact", False)
        METHODS.add(
            MethodSpec(
                name=name,
                title=title or kind.__name__,
                source=source or f"{kind.__module__}.{kind.__qualname__}",
                family=("tuned" if reads_left else "edit") if edits else "training",
                reads="retained" if reads_left or whole else "request",
                settings=_settings(kind),
                needs=_known(needs),
                build=_builder(kind, edits=edits, reads_left=reads_left),
                exact=exact if isinstance(exact, bool) else False,
            )
        )
        return kind

    return register


def register_arm(
    name: str, *, title: str | None = None, source: str = "", needs: Iterable[str] = ("steps",), reads_revocable: bool = True
) -> Callable[[C], C]:
    """Returns a class decorator that makes a class a way to train: `r2u.Prepare("mine", revocable=keys)`.

    The class has `step(context, records)`, which returns the step of the training loop (`core.step.Step`) for the records at hand;
    `context.revocable` are the codes of those who may withdraw. The fields of a dataclass are its settings.

    Raises:
        SettingsError: the name is taken, the class has no `step`, or an unknown need.
    """

    def register(kind: C) -> C:
        if not hasattr(kind, "step"):
            raise SettingsError(f"{kind.__name__} must have step(context, records), which returns the step of the training loop")
        settings = _settings(kind)

        def step(context: MethodContext, s: Any) -> Callable[[Any], Any]:
            return lambda records: kind(**_values(s)).step(context, records)

        ARMS.add(
            ArmSpec(name, title or kind.__name__, source or kind.__module__, settings, _known(needs), step, reads_revocable=reads_revocable)
        )
        return kind

    return register


def register_model(
    name: str,
    *,
    offers: Iterable[str] | None = None,
    training: dict[str, Any] | None = None,
    method: str | None = None,
    item_tables: tuple[str, ...] | None = None,
    title: str | None = None,
    source: str = "",
) -> Callable[[C], C]:
    """Returns a class decorator that makes a class a model: `r2u.model("mine", dim=8)`, and `r2u.Mine(dim=8)` by the class's own name.

    The class is one of two. With `task()`, which returns a `core.protocols.Task`, it is trained by gradient steps. With
    `fit(task, records, *, seed)` and `forget(task, fitted, ids, *, seed)` it is solved in closed form and erased from exactly. The fields
    of a dataclass are its settings.

    Args:
        offers: names of `registry.OFFERS`; None: "steps" and "losses", or "closed form".
        training: defaults of the training loop, such as {"epochs": 20}.
        method: by which it forgets where nothing is said; None: "retrain", or "exact" in closed form.
        item_tables: shell patterns of the parameters that everyone is served from.

    Raises:
        SettingsError: a name is taken, the class is neither, or an unknown offer.
    """

    def register(kind: C) -> C:
        closed = hasattr(kind, "fit") and hasattr(kind, "forget")
        if closed == hasattr(kind, "task"):
            raise SettingsError(f"{kind.__name__} must have task(), or fit and forget, which solve it in closed form")
        if kind.__name__ in {spec.class_name for _, spec in MODELS.items()}:
            raise SettingsError(f"there is a model class {kind.__name__} already: name yours otherwise")

        def form(s: Any) -> Method:
            return kind(**_values(s))  # type: ignore[no-any-return]

        def recipe(s: Any, loop: Training | None) -> Recipe:
            if not closed:
                return Recipe(kind(**_values(s)).task(), loop)
            from r2u_rec.recsys.closed_form.fit_of import Attaching, FitOf

            rebuilds: Any = Attaching()  # all of a task that a closed form needs
            return Recipe(rebuilds, trainer=FitOf(form(s)))

        MODELS.add(
            ModelSpec(
                name=name,
                class_name=kind.__name__,
                title=title or kind.__name__,
                source=source or kind.__module__,
                settings=_settings(kind),
                offers=_known(("closed form",) if closed else ("steps", "losses")) if offers is None else _known(offers),
                recipe=recipe,
                training=None if closed else {"epochs": 20, "batch_size": 1024, "lr": 1e-3, **(training or {})},
                closed_form=form if closed else None,
                method=method or ("exact" if closed else "retrain"),
                item_tables=item_tables,
            )
        )
        return kind

    return register


def _settings(kind: type) -> type[Any]:
    """Returns a frozen dataclass with the fields of `kind`, but how the model is trained."""
    own = [f for f in fields(kind) if f.init and f.name != TRAINER] if is_dataclass(kind) else []
    if not own:
        return NoSettings
    hints = get_type_hints(kind)
    made = make_dataclass(
        f"{kind.__name__}Settings",
        [(f.name, hints[f.name], field(default=f.default, default_factory=f.default_factory, metadata=f.metadata)) for f in own],
        frozen=True,
    )
    made.__doc__ = kind.__doc__
    made.__module__ = kind.__module__
    return made


def _values(settings: Any) -> dict[str, Any]:
    return {f.name: getattr(settings, f.name) for f in fields(settings)}


def _builder(kind: type, *, edits: bool, reads_left: bool) -> Callable[[MethodContext, Any], Method]:
    trained = is_dataclass(kind) and TRAINER in {f.name for f in fields(kind)}

    def build(context: MethodContext, s: Any) -> Method:
        made = kind(**_values(s), **({TRAINER: context.trainer()} if trained else {}))
        if not edits:
            return made  # type: ignore[no-any-return]
        if reads_left:
            from r2u_rec.unlearn.tuned import Tuned

            return Tuned(context.trainer(), made)
        from r2u_rec.unlearn.post_hoc import PostHoc

        return PostHoc(context.trainer(), made)

    return build


def _known(names: Iterable[str]) -> frozenset[str]:
    found = frozenset(names)
    for name in sorted(found - set(OFFERS)):
        raise SettingsError(unknown("property of a model", name, OFFERS))
    return found
