"""What is registered: light descriptions of models, training arms and methods, with their settings and how each is built.

A spec is imported to list names and to read flags, so it imports nothing heavy: its build function does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from r2u_rec.setting import setting as setting

if TYPE_CHECKING:
    from r2u_rec.core.protocols import Method, Task
    from r2u_rec.core.step import Step
    from r2u_rec.core.trainer import Trainer
    from r2u_rec.core.training import Training
    from r2u_rec.registry.context import MethodContext

OFFERS = {
    "steps": "is trained by gradient steps",
    "losses": "has one loss an interaction",
    "tables": "has one vector a user and one an item, whose product is the score",
    "rows": "keeps those vectors as rows of two tables, not computed from a graph",
    "row interactions": "can say how interactions meet the rows of its item tables",
    "graph": "passes messages over the graph of interactions",
    "fold-in": "scores items for unknown users from their histories",
    "closed form": "is solved in closed form and can be solved again without what is erased",
    "als": "is trained by alternating least squares",
}
"""What a model may offer and a method or an arm may need."""

FAMILIES = {
    "reference": "References",
    "edit": "Edits of one trained model that read the request and what was kept",
    "tuned": "Edits that read the retained data too",
    "training": "Ways to train, with the paper's operator",
    "shards": "Training in shards",
    "closed": "Closed forms",
    "federated": "Federated",
}
"""Families of methods, in the order of the tables."""


@dataclass(frozen=True)
class NoSettings:
    """The settings of what has none."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: a task with the settings of the loop, or a trainer of its own.

    Attributes:
        task: `core.protocols.Task`; closed forms, which no loop trains, may have one with `attach` alone.
        training: settings of the loop; None where `trainer` trains.
        trainer: any `Trainer`.
        around: trainer -> trainer, for what follows the loop, such as a polish of the output layer; None for nothing.
    """

    task: Any
    training: Training | None = None
    trainer: Trainer | None = None
    around: Callable[[Trainer], Trainer] | None = None


@dataclass(frozen=True)
class ModelSpec:
    """A recommender.

    Attributes:
        name: on the command line and in files, such as "mf". class_name: in Python, such as "MF". title: in tables.
        source: paper or library.
        settings: frozen dataclass of its settings; its fields are flags `--model.FIELD` and keyword arguments.
        offers: what methods and arms may need of it, names of `OFFERS`.
        recipe: (settings, training) -> how it is trained; closed forms ignore `training`.
        training: its defaults of the loop, fields of `core.training.Training`; None for what no loop trains.
        closed_form: settings -> the method that fits it and erases from it exactly; None for others.
        method: the method that "auto" means.
        method_defaults: method -> the defaults of its settings on this model, where they are others than the method's own.
        item_tables: shell patterns of the parameters that everyone is served from, to which edits are confined; None: all parameters.
        extra: the optional dependencies that it needs, such as "recbole".
        note: for its docstring: what to know before choosing it.
    """

    name: str
    class_name: str
    title: str
    source: str
    settings: type[Any]
    offers: frozenset[str]
    recipe: Callable[[Any, Training | None], Recipe]
    training: Mapping[str, Any] | None = None
    closed_form: Callable[[Any], Method] | None = None
    method: str = "newton"
    method_defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    item_tables: tuple[str, ...] | None = None
    extra: str | None = None
    note: str = ""


@dataclass(frozen=True)
class ArmSpec:
    """A way to train.

    Attributes:
        name, title, source, settings: as for models; flags are `--prepare.NAME.FIELD`.
        needs: what a model must offer.
        step: (context, settings) -> (records -> step of the training loop).
        reads_revocable: whether it goes by who is revocable.
    """

    name: str
    title: str
    source: str
    settings: type[Any]
    needs: frozenset[str]
    step: Callable[[MethodContext, Any], Callable[[Any], Step]]
    reads_revocable: bool = True


@dataclass(frozen=True)
class MethodSpec:
    """A way to forget.

    Attributes:
        name, title, source, settings: as for models; flags are `--forget.NAME.FIELD`.
        family: name of `FAMILIES`.
        reads: what it reads when it forgets: the "request" and what it kept, or "retained" data too.
        needs: what a model must offer.
        build: (context, settings) -> the method.
        exact: whether erasing equals training without what is erased.
        own_task: (context, settings) -> the task that it works on, where that is another than the model's own; else None.
    """

    name: str
    title: str
    source: str
    family: str
    reads: Literal["request", "retained"]
    settings: type[Any]
    needs: frozenset[str]
    build: Callable[[MethodContext, Any], Method]
    exact: bool = False
    own_task: Callable[[MethodContext, Any], Task[Any, Any]] | None = None

    def lacks(self, model: ModelSpec) -> list[str]:
        """Returns what the model would have to offer and does not, in words; empty when the two fit."""
        return lacking(self.needs, model)


def lacking(needs: frozenset[str], model: ModelSpec) -> list[str]:
    """Returns in words what `needs` names and the model does not offer."""
    return [OFFERS.get(need, need) for need in sorted(needs - model.offers)]
