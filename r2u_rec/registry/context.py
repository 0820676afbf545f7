"""MethodContext: what an arm or a method may use of the model that it is built for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from r2u_rec.core.protocols import Records, Task
    from r2u_rec.core.step import Step
    from r2u_rec.core.trainer import GradientTrainer, Trainer
    from r2u_rec.core.training import Training
    from r2u_rec.registry.specs import ModelSpec

LengthWord = Literal["canaries", "shadow"]


class MethodContext(Protocol):
    """One model on one log. `study.context` implements it; benchmarks add caches and fall-backs.

    Attributes:
        seed: of everything random.
        spec: of the model. settings: its settings.
        task: of the model. training: its settings of the loop; CapabilityError for models that no loop trains.
        revocable: (m,) codes of the users whom a model prepares for.
        item_tables: shell patterns of the parameters that edits may move; None: all.
    """

    @property
    def seed(self) -> int: ...
    @property
    def spec(self) -> ModelSpec: ...
    @property
    def settings(self) -> Any: ...
    @property
    def task(self) -> Task[Any, Any]: ...
    @property
    def training(self) -> Training: ...
    @property
    def revocable(self) -> NDArray[np.int64]: ...
    @property
    def item_tables(self) -> tuple[str, ...] | None: ...

    def trainer(self) -> Trainer:
        """Returns how the model is trained by the arm that was chosen."""
        ...

    def standard_trainer(self) -> Trainer:
        """Returns how the model is trained plainly: for shadow models and references."""
        ...

    def gradient_trainer(self, step: Callable[[Records], Step] | None = None) -> GradientTrainer:
        """Returns the model's loop, never cached: for methods that train parts or go on from a model."""
        ...

    def length(self, given: float | LengthWord, *, evidence: str = "fold_in", longest: float = 3.0) -> Any:
        """Returns the length of an edit: the number given, or the rule that sets it once at the end of training.

        Raises:
            SettingsError: a rule, and no users were kept out of training to compare with.
        """
        ...
