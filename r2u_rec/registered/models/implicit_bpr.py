"""BPR by the library implicit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from r2u_rec.registered.models.ranking import MEASURED
from r2u_rec.registry.specs import ModelSpec, Recipe, setting

if TYPE_CHECKING:
    from r2u_rec.core.training import Training


@dataclass(frozen=True)
class BPRSettings:
    """BPR by implicit's compiled loop; nothing goes on from its models, so that forgetting is training again."""

    embedding_dim: int = setting(64, "dimensions of a vector", MEASURED)
    lr: float = setting(0.005, "size of a stochastic step", MEASURED)
    reg: float = setting(0.005, "L2 penalty on every vector that a step touches", MEASURED)
    epochs: int = setting(100, "passes of as many samples as there are interactions", MEASURED)


def _recipe(s: BPRSettings, training: Training | None) -> Recipe:
    from r2u_rec.recsys.closed_form.fit_of import Attaching
    from r2u_rec.recsys.closed_form.implicit_bpr import ImplicitBprTrainer

    return Recipe(Attaching(), trainer=ImplicitBprTrainer(**asdict(s)))


IMPLICIT_BPR = ModelSpec(
    name="implicit_bpr",
    class_name="BPR",
    title="BPR of implicit",
    source="implicit",
    settings=BPRSettings,
    offers=frozenset({"fold-in"}),
    recipe=_recipe,
    method="retrain",
    extra="implicit",
)
