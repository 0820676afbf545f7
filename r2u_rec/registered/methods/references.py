"""What everything is held against: retraining, deleting only the rows, fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from r2u_rec.registry.specs import MethodSpec, NoSettings, setting

if TYPE_CHECKING:
    from torch import nn

    from r2u_rec.core.protocols import Method
    from r2u_rec.registry.context import MethodContext


@dataclass(frozen=True)
class NoEdit:
    """Leaves the model as it is: what `attach` does, emptying rows and rebuilding graphs, is all that happens."""

    def remember(self, task: Any, model: nn.Module, records: Any, *, seed: int) -> None:
        """Keeps nothing."""

    def edit_(self, task: Any, model: nn.Module, forget: Any, memory: Any, *, seed: int) -> None:
        """Changes nothing."""


def _retrain(context: MethodContext, s: NoSettings) -> Method:
    from r2u_rec.unlearn.retrain import Retrain

    return Retrain(context.trainer())


def _rows_deleted(context: MethodContext, s: NoSettings) -> Method:
    from r2u_rec.unlearn.post_hoc import PostHoc

    return PostHoc(context.trainer(), NoEdit())


@dataclass(frozen=True)
class FineTuneSettings:
    """Goes on training on what remains. Approximate: much of what was learned stays."""

    epochs: int = setting(100, "of going on", "measured on ml-100k")
    lr: float = setting(0.01, "learning rate at the start", "measured on ml-100k")


def _fine_tune(context: MethodContext, s: FineTuneSettings) -> Method:
    from r2u_rec.unlearn.tuned import FineTune, Tuned

    loop = replace(context.training, epochs=s.epochs, lr=s.lr, average_share=0.0)
    return Tuned(context.trainer(), FineTune(replace(context.gradient_trainer(), training=loop)))


RETRAIN = MethodSpec(
    name="retrain",
    title="retrained",
    source="the reference: another training on what remains",
    family="reference",
    reads="retained",
    settings=NoSettings,
    needs=frozenset(),
    build=_retrain,
    exact=True,
)
ROWS_DELETED = MethodSpec(
    name="rows_deleted",
    title="rows deleted",
    source="what most services do: the user's own row and edges go, nothing else",
    family="reference",
    reads="request",
    settings=NoSettings,
    needs=frozenset(),
    build=_rows_deleted,
)
FINE_TUNE = MethodSpec(
    name="fine_tune",
    title="fine-tuning",
    source="goes on training on what remains; Golatkar et al. 2020",
    family="reference",
    reads="retained",
    settings=FineTuneSettings,
    needs=frozenset({"steps"}),
    build=_fine_tune,
)
