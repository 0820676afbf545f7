"""What a model is told when it is made: how it is prepared for erasure, and how it forgets."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any, Self

from r2u_rec.api.arguments import checked, component_keys, described_arguments, signature_of
from r2u_rec.config.keys import Key
from r2u_rec.errors import SettingsError
from r2u_rec.registry.specs import ArmSpec
from r2u_rec.registry.tables import ARMS, METHODS
from r2u_rec.suggest import unknown

if TYPE_CHECKING:
    from r2u_rec.api.scoring import UserScores
    from r2u_rec.config.plan import Plan
    from r2u_rec.data.log import InteractionLog

POLICIES = ("top_share", "sampled_by_score", "threshold")
"""From scores to revocable users."""


class MethodChoice:
    """How a model forgets: `r2u.Method("newton", length=1.2)`.

    Args:
        name: of a method, such as "newton", "retrain" or "ascent"; "auto" is the model's own.
        settings: of that method; what is not given has the model's defaults, then the method's.

    Raises:
        SettingsError: an unknown name or setting, the nearest is suggested; or a value of another type.
    """

    def __init__(self, name: str, **settings: Any) -> None:
        if name == "auto" and settings:
            raise SettingsError(f"method auto takes no settings, got {', '.join(settings)}: name the method, such as newton")
        self.name = name
        self.settings = {} if name == "auto" else checked(component_keys(METHODS.get(name).settings, {}), settings, f"setting of {name}")

    def __repr__(self) -> str:
        return f"Method({', '.join([repr(self.name), *(f'{name}={value!r}' for name, value in self.settings.items())])})"


def method_choice(given: str | MethodChoice) -> MethodChoice:
    """Returns what was given, a name without settings as a choice; SettingsError for what is neither."""
    if isinstance(given, MethodChoice):
        return given
    if not isinstance(given, str):
        raise SettingsError(f"method must be a name or r2u.Method(name, ...), got {type(given).__name__}")
    return MethodChoice(given)


class PrepareChoice:
    """How a model is prepared for erasure while it learns: `r2u.Prepare("isolated", revocable=keys)`.

    Args:
        name: of a way to train, such as "ready2unlearn", "isolated" or "reweighted".
        revocable: who may withdraw: the users' keys, or what `r2u.score_users` returns, from which a policy chooses.
        share: top_share and sampled_by_score: share of the users with records who are revocable.
        policy: from scores to users: "top_share", "sampled_by_score" or "threshold".
        value: threshold: the lowest score that is revocable.
        settings: of that way to train.

    Raises:
        SettingsError: an unknown name, setting or policy, the nearest is suggested; `revocable` is missing where it is needed.
    """

    def __init__(
        self,
        name: str,
        *,
        revocable: Any = None,
        share: float = 0.5,
        policy: str = "top_share",
        value: float = 0.5,
        **settings: Any,
    ) -> None:
        arm = ARMS.get(name)
        if policy not in POLICIES:
            raise SettingsError(unknown("policy", policy, POLICIES))
        if policy != "threshold" and not 0 < share < 1:
            raise SettingsError(f"share must lie in (0, 1), got {share}: a share of the users with records")
        if arm.reads_revocable and revocable is None:
            raise SettingsError(
                f"{name} prepares for the requests of those who may withdraw: name them by revocable=KEYS, or by "
                "revocable=r2u.score_users(log)"
            )
        self.name = name
        self.revocable: UserScores | Any = revocable
        self.share, self.policy, self.value = share, policy, value
        self.settings: dict[str, Any] = checked(component_keys(arm.settings, {}), settings, f"setting of {name}")

    def among(self, log: InteractionLog) -> Self:
        """Returns the choice without the keys of users whom `log` does not know: after an erasure, no key of who has gone stays in it."""
        from r2u_rec.api.scoring import UserScores
        from r2u_rec.data.keys import listed_keys

        given = self.revocable
        if given is None:
            return self
        left = copy(self)
        if isinstance(given, UserScores):
            left.revocable = given.among(log)
        else:
            keys = listed_keys(given, "revocable")
            left.revocable = [key for key, code in zip(keys, log.user_keys.codes(keys).tolist(), strict=True) if code >= 0]
        return left

    def __repr__(self) -> str:
        from r2u_rec.api.scoring import UserScores

        who = repr(self.revocable) if isinstance(self.revocable, UserScores) else f"{_number(self.revocable)} users"
        return f"Prepare({', '.join([repr(self.name), f'revocable={who}', *(f'{n}={v!r}' for n, v in self.settings.items())])})"


def _number(keys: Any) -> str:
    return "no" if keys is None else str(len(keys)) if hasattr(keys, "__len__") else "some"


OF_EVERY_ARM = {
    key.name: key
    for key in (
        Key("revocable", Any, None, "who may withdraw: keys of users, or what r2u.score_users returns"),
        Key("share", float, 0.5, "top_share, sampled_by_score: share of the users with records who are revocable"),
        Key("policy", str, "top_share", "from scores to revocable users: top_share, sampled_by_score or threshold"),
        Key("value", float, 0.5, "threshold: the lowest score that is revocable"),
    )
}


def arm_constructor(spec: ArmSpec, name: str) -> Callable[..., PrepareChoice]:
    """Returns a function named `name` that makes the choice of one way to train, with its settings in signature and docstring."""

    def make(**settings: Any) -> PrepareChoice:
        return PrepareChoice(spec.name, **settings)

    own = component_keys(spec.settings, {})
    make.__name__ = make.__qualname__ = name
    make.__module__ = "r2u_rec"
    make.__doc__ = f"{spec.settings.__doc__}\n\nSource: {spec.source}\n" + described_arguments({"Args": OF_EVERY_ARM, "Settings": own})
    make.__signature__ = signature_of([OF_EVERY_ARM, own], PrepareChoice)  # type: ignore[attr-defined]
    return make


def with_choice(plan: Plan, method: str | MethodChoice | None) -> Plan:
    """Returns the plan, forgetting by `method` where one is given."""
    if method is None:
        return plan
    chosen = method_choice(method)
    return plan.with_method(chosen.name, chosen.settings or None)
