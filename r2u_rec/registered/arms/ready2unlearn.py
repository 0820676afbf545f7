"""Ready2Unlearn: the model is prepared for requests while it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from r2u_rec.registry.specs import ArmSpec, setting

if TYPE_CHECKING:
    import numpy as np

    from r2u_rec.core.prepare.preparation import Preparation
    from r2u_rec.core.step import Step
    from r2u_rec.data.log import InteractionLog
    from r2u_rec.ids import Ids
    from r2u_rec.registry.context import MethodContext

MEASURED = "measured on ml-100k"
PAPER = "Ready2Unlearn"


@dataclass(frozen=True)
class Ready2UnlearnSettings:
    """The last epochs look ahead to simulated requests, with a bounded forget term."""

    alpha: float = setting(1.0, "length of the inner ascent, an interaction or a request", MEASURED)
    alpha_unit: Literal["record", "request"] = setting("record", "what alpha is multiplied by")
    geometry: Literal["gradient", "sign", "normalised", "random"] = setting("gradient", "of the inner step; random: a control", PAPER)
    displace: Literal["item"] | tuple[str, ...] | None = setting(
        "item", "shell patterns of the parameters displaced; item: those that everyone is served from; null: all", MEASURED
    )
    lambda0: float = setting(0.3, "weight of the forget term", MEASURED)
    lambda1: float = setting(0.5, "weight of the retain term", MEASURED)
    lambda2: float = setting(0.0, "weight of the recovery term", PAPER)
    lambda3: float = setting(1.0, "weight of the current loss", MEASURED)
    share_weighted: bool = setting(True, "lambda0 times the request's share of all interactions", MEASURED)
    normalised_weights: bool = setting(True, "divide by lambda1 + lambda2 + lambda3")
    bound: Literal["none", "cap", "chance", "soft"] = setting("cap", "what keeps the forget term finite", MEASURED)
    bound_level: float | None = setting(1.0, "in nats", MEASURED)
    delta: bool = setting(False, "count the forget loss relative to the one before the inner step")
    order: Literal[1, 2] = setting(1, "1: first order, 2: exact", "Ready2Unlearn, Algorithm 1")
    last_share: float = setting(0.25, "share of the epochs, the last ones, that prepare", MEASURED)
    every: int = setting(1, "only every k-th of their steps prepares")
    warmup: float = setting(0.0, "epochs over which lambda0 to lambda2 grow from 0 where preparation begins")
    request_share: float | None = setting(0.3, "simulated requests: share of the revocable users; null: n_forget at random", MEASURED)
    n_forget: int | None = setting(2048, "interactions of x_f; null: the whole simulated request", MEASURED)
    n_retain: int = setting(2048, "interactions of x_r", MEASURED)
    n_recovery: int = setting(32, "interactions of x_rc", PAPER)
    balanced: bool = setting(False, "draw x half from revocable, half from stable interactions")
    most_loss: float | None = setting(
        None, "share of standard training's validation quality that may be lost: the weights give way below it; null: they never do", PAPER
    )
    reference: float | None = setting(
        None, "most_loss: validation quality of standard training; null: that of run's standard arm, else the best of the epochs before"
    )
    allow_divergence: bool = setting(False, "run a combination that is known to diverge")


def as_printed(**changes: Any) -> Ready2UnlearnSettings:
    """Returns the settings that the paper prints, x_f drawn at random, with `changes` over them.

    Raises:
        TypeError: a change of a setting that there is not.
    """
    from r2u_rec.core.prepare.preparation import Preparation

    own = {f.name for f in fields(Ready2UnlearnSettings)}
    printed: dict[str, Any] = {f.name: f.default for f in fields(Preparation) if f.name in own}
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}
    return Ready2UnlearnSettings(**{**printed, "request_share": None, **given})


def _ready(context: MethodContext, s: Ready2UnlearnSettings) -> Callable[[InteractionLog], Step]:
    import numpy as np

    from r2u_rec.core.prepare.adaptive import Adaptive
    from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
    from r2u_rec.core.protocols import Split

    adaptive = None if s.most_loss is None else Adaptive(s.reference, s.most_loss)

    def step(records: InteractionLog) -> Step:
        forget = records.ids_of_users(context.revocable)
        retain = np.setdiff1d(records.ids, forget, assume_unique=True)
        return Ready2Unlearn(Split(forget, retain, retain), preparation(context, s, records), adaptive)

    return step


def preparation(context: MethodContext, s: Ready2UnlearnSettings, records: InteractionLog) -> Preparation:
    """Returns the core's settings; a simulated request takes a share of the revocable users who have records."""
    from r2u_rec.core.prepare.preparation import Preparation

    present = context.revocable[records.user_counts[context.revocable] > 0]
    n = 0 if s.request_share is None else max(1, round(s.request_share * len(present)))

    def request(rng: np.random.Generator) -> Ids:
        return records.ids_of_users(rng.choice(present, size=n, replace=False))

    plain = {f.name for f in fields(Preparation)} & {f.name for f in fields(s)} - {"displace"}
    return Preparation(
        **{name: getattr(s, name) for name in plain},
        displace=context.item_tables if s.displace == "item" else s.displace,
        epochs=max(1, round(s.last_share * context.training.epochs)),
        request=None if s.request_share is None else request,
    )


READY2UNLEARN = ArmSpec(
    "ready2unlearn",
    "Ready2Unlearn",
    "Ready2Unlearn, simulated requests (ours)",
    Ready2UnlearnSettings,
    frozenset({"steps", "losses"}),
    _ready,
)
