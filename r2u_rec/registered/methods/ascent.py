"""Gradient ascent on the loss of the request, and negative preference optimisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import TypeIs

from r2u_rec.registry.specs import MethodSpec, setting

if TYPE_CHECKING:
    from torch import nn

    from r2u_rec.core.protocols import Method
    from r2u_rec.registry.context import MethodContext
    from r2u_rec.unlearn.gradient_ascent import GradientAscent

MEASURED = "measured on ml-100k"
STEPS = frozenset({"steps", "losses"})
RULES = ("canaries", "shadow")
"""What may set how far an edit goes, in place of a number."""


def is_rule(value: object) -> TypeIs[Literal["canaries", "shadow"]]:
    """Returns whether a setting names a rule instead of a number."""
    return value in RULES


Tables = Literal["item"] | tuple[str, ...] | None
TABLES_HELP = "shell patterns of the parameters edited; item: those that everyone is served from; null: all"


@dataclass(frozen=True)
class AscentSettings:
    """Gradient ascent: the paper's operator. Approximate."""

    steps: int = setting(40, "at most so many steps")
    lr: float = setting(0.02, "size of a step", MEASURED)
    optimizer: Literal["sgd", "adam"] = setting("sgd", "of the ascent")
    reduction: Literal["mean", "sum"] = setting("sum", "of the request's losses")
    tables: Tables = setting("item", TABLES_HELP)
    bound: Literal["none", "cap", "chance", "soft"] = setting("none", "what keeps the loss finite")
    bound_level: float | None = setting(None, "of the bound, in nats")
    target: float | Literal["chance", "canaries", "shadow"] | None = setting(
        None,
        "stop at this mean loss, in nats; chance: that of a model that knows nothing; null: all steps; canaries, shadow: as far along the "
        "way of all steps as hides canaries, set once at the end of training",
    )
    evidence: Literal["fold_in", "own_loss", "adaptive"] = setting("fold_in", "what canaries are judged by", MEASURED)
    longest: float = setting(3.0, "how far beyond all steps canaries try, as a multiple")
    length: float = setting(1.0, "how far along the way of its steps to go, as a multiple; a target of canaries or shadow sets it")


def edited_tables(context: MethodContext, tables: Tables) -> tuple[str, ...] | None:
    """Returns the patterns that a setting of tables names on this model."""
    return context.item_tables if tables == "item" else tables


def climb(context: MethodContext, s: AscentSettings) -> GradientAscent:
    """Returns gradient ascent, to its last step where a rule says how far along its way to go."""
    from r2u_rec.unlearn.gradient_ascent import GradientAscent

    target = None if is_rule(s.target) else s.target
    return GradientAscent(
        s.steps,
        s.lr,
        s.optimizer,
        s.reduction,
        bound=s.bound,
        bound_level=s.bound_level,
        target=target,
        tables=edited_tables(context, s.tables),
    )


def _ascent(context: MethodContext, s: AscentSettings) -> Method:
    from r2u_rec.unlearn.post_hoc import PostHoc
    from r2u_rec.unlearn.scaled import Scaled

    edit: Any = climb(context, s)
    if is_rule(s.target):
        edit = Scaled(edit, context.length(s.target, evidence=s.evidence, longest=s.longest))
    elif s.length != 1:
        edit = Scaled(edit, s.length)
    return PostHoc(context.trainer(), edit)


@dataclass(frozen=True)
class NPOSettings:
    """Negative preference optimisation, with a step that grows with the request. Approximate."""

    steps: int = setting(10, "at most so many steps")
    lr: float = setting(0.02, "size of a step for one interaction")
    beta: float = setting(1.0, "inverse temperature", MEASURED)
    tables: Tables = setting("item", TABLES_HELP)
    length: float | Literal["canaries", "shadow"] = setting(1.0, "how far along the way of all steps to go")
    evidence: Literal["fold_in", "own_loss", "adaptive"] = setting("fold_in", "what canaries are judged by", MEASURED)


@dataclass(frozen=True)
class AscentByRecord:
    """An edit on the mean loss whose step grows with the request, as a sum of gradients would.

    Attributes:
        make: number of records -> the edit.
    """

    make: Callable[[int], Any]

    def check(self, task: Any) -> None:
        """Raises CapabilityError when the edit cannot work on the task."""
        self.make(1).check(task)

    def remember(self, task: Any, model: nn.Module, records: Any, *, seed: int) -> Any:
        """Returns what the edit keeps."""
        return self.make(1).remember(task, model, records, seed=seed)

    def edit_(self, task: Any, model: nn.Module, forget: Any, memory: Any, *, seed: int) -> Any:
        """Edits in place."""
        return self.make(len(forget.ids)).edit_(task, model, forget, memory, seed=seed)


def _npo(context: MethodContext, s: NPOSettings) -> Method:
    from r2u_rec.unlearn.post_hoc import PostHoc
    from r2u_rec.unlearn.preference import NegativePreference
    from r2u_rec.unlearn.scaled import Scaled

    tables = edited_tables(context, s.tables)
    edit = AscentByRecord(lambda n: NegativePreference(s.steps, s.lr * n, s.beta, tables=tables))
    return PostHoc(context.trainer(), Scaled(edit, context.length(s.length, evidence=s.evidence)))


ASCENT = MethodSpec(
    name="ascent",
    title="ascent",
    source="Ready2Unlearn, Section 3.1, the paper's operator",
    family="edit",
    reads="request",
    settings=AscentSettings,
    needs=STEPS,
    build=_ascent,
)
NPO = MethodSpec(
    name="npo",
    title="NPO",
    source="Zhang et al. 2024, negative preference",
    family="edit",
    reads="request",
    settings=NPOSettings,
    needs=STEPS,
    build=_npo,
)
