"""Plan: which model, how it is trained and how it forgets, as objects; nothing below it reads settings files or flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

from r2u_rec.errors import SettingsError
from r2u_rec.registry.specs import ArmSpec, MethodSpec, ModelSpec, lacking
from r2u_rec.registry.tables import ARMS, METHODS, MODELS
from r2u_rec.suggest import unknown

if TYPE_CHECKING:
    from r2u_rec.core.protocols import Method
    from r2u_rec.study.context import FitContext

AUTO = "auto"


@dataclass(frozen=True)
class Plan:
    """A model, its way to train and its method of forgetting, each with its settings. Light: torch is imported by `context`.

    Attributes:
        spec, model: the model's spec and settings.
        loop: settings of the training loop, fields of `core.training.Training`; empty for models that no loop trains.
        arm, arm_settings: the way to train. method, method_settings: the way to forget.
        seed: of everything random. threads: processor threads of torch; None leaves them as they are.
    """

    spec: ModelSpec
    model: Any
    loop: Mapping[str, Any]
    arm: ArmSpec
    arm_settings: Any
    method: MethodSpec
    method_settings: Any
    seed: int = 0
    threads: int | None = 1

    @classmethod
    def of(
        cls,
        model: str | ModelSpec,
        model_settings: Mapping[str, Any] | Any = None,
        *,
        loop: Mapping[str, Any] | None = None,
        arm: str = "standard",
        arm_settings: Mapping[str, Any] | Any = None,
        method: str = AUTO,
        method_settings: Mapping[str, Any] | Any = None,
        seed: int = 0,
        threads: int | None = 1,
    ) -> Self:
        """Returns the plan of names and settings; what is not given has the defaults of the model, then of the component.

        Args:
            model_settings, arm_settings, method_settings: the component's settings, or a mapping of some of its fields.
            loop: fields of `core.training.Training` over the model's defaults.
            method: "auto" takes the model's own.

        Raises:
            SettingsError: an unknown name or field, the nearest is suggested; or a method or an arm that does not fit the model.
        """
        spec = MODELS.get(model) if isinstance(model, str) else model
        way, how = ARMS.get(arm), METHODS.get(spec.method if method == AUTO else method)
        if spec.training is None and loop:
            raise SettingsError(f"{spec.class_name} is not trained by a loop and takes no {', '.join(loop)}: leave them out")
        if spec.training is None and arm != "standard":
            raise SettingsError(f"{spec.class_name} is not trained by a loop: prepare.arm={arm} does not fit it, leave it at standard")
        if arm != "standard" and (missing := lacking(way.needs, spec)):
            raise SettingsError(
                f"prepare.arm={arm} does not fit {spec.class_name}: it needs a model that {', and '.join(missing)}; take standard"
            )
        check_fits(how, spec)
        return cls(
            spec,
            settings_from(spec.settings, model_settings, spec.name),
            {**(spec.training or {}), **loop_fields(loop or {})},
            way,
            settings_from(way.settings, arm_settings, arm),
            how,
            settings_from(how.settings, method_settings, how.name, spec.method_defaults.get(how.name)),
            seed,
            threads,
        )

    def with_method(self, method: str, settings: Mapping[str, Any] | Any = None) -> Self:
        """Returns the plan that forgets by another method, or by the same one with other settings."""
        how = METHODS.get(self.spec.method if method == AUTO else method)
        check_fits(how, self.spec)
        kept = self.method_settings if settings is None and how is self.method else None
        made = settings_from(how.settings, settings, how.name, self.spec.method_defaults.get(how.name))
        return replace(self, method=how, method_settings=kept if kept is not None else made)

    def context(self, **parts: Any) -> FitContext:
        """Returns what the method is built for; `parts` are fields of `FitContext`, such as `revocable` and `calibration`."""
        from r2u_rec.core.training import Training
        from r2u_rec.study.context import FitContext

        training = Training(**self.loop) if self.loop else None
        recipe = self.spec.recipe(self.model, training)
        return FitContext(self.spec, self.model, recipe, self.seed, self.arm, self.arm_settings, **parts)

    def build(self, context: FitContext) -> Method:
        """Returns the method."""
        return self.method.build(context, self.method_settings)


def check_fits(method: MethodSpec, spec: ModelSpec) -> None:
    """Raises SettingsError when the model does not offer what the method needs, naming the methods that fit."""
    if missing := method.lacks(spec):
        fit = [name for name, other in METHODS.items() if not other.lacks(spec)]
        raise SettingsError(
            f"{method.name} does not fit {spec.class_name}: it needs a model that {', and '.join(missing)}; {', '.join(fit)} fit it"
        )


def settings_from(kind: type[Any], given: Mapping[str, Any] | Any, name: str, defaults: Mapping[str, Any] | None = None) -> Any:
    """Returns settings of `kind`: those given, or its defaults under `defaults` under the fields given.

    Raises:
        SettingsError: a field that there is not, or settings of another component.
    """
    if isinstance(given, kind):
        return given
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise SettingsError(f"settings of {name} must be {kind.__name__} or a mapping, got {type(given).__name__}")
    known = [f.name for f in fields(kind)]
    for key in given:
        if key not in known:
            raise SettingsError(unknown(f"setting of {name}", key, known))
    return kind(**{**(defaults or {}), **given})


LOOP_FIELDS = (
    "epochs",
    "batch_size",
    "lr",
    "optimizer",
    "weight_decay",
    "schedule",
    "average_share",
    "accumulate",
    "validate_every",
    "patience",
    "checkpoint_seconds",
    "device",
    "precision",
)
"""Fields of `core.training.Training`, which is not imported here since it brings torch; a test holds the two together."""


def loop_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of the loop; SettingsError for one that there is not."""
    for key in given:
        if key not in LOOP_FIELDS:
            raise SettingsError(unknown("setting of training", key, LOOP_FIELDS))
    return dict(given)
