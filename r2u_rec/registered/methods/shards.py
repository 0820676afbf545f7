"""Methods that train in shards, and train again only those that a request touches. Exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from r2u_rec.errors import SettingsError
from r2u_rec.registry.specs import MethodSpec, setting

if TYPE_CHECKING:
    from r2u_rec.core.protocols import Method
    from r2u_rec.registry.context import MethodContext

NEEDS = frozenset({"steps", "losses", "tables"})


@dataclass(frozen=True)
class SisaSettings:
    """SISA: each user in the shard that a hash of the user's own key names."""

    shards: int = setting(5, "models, each of the users that a keyed hash deals to it")
    slices: int = setting(1, "parts of a shard that are learned one after the other; a folder holds shards x slices models", "SISA")
    combine: Literal["mean", "proportional", "own", "vote"] = setting(
        "mean", "how scores of shards become one: mean, proportional (to records), own (shards of the user's records), vote", "SISA"
    )
    fold_all: bool = setting(True, "every shard answers for every user, whose vector is folded in where the shard lacks it")


def _sisa(context: MethodContext, s: SisaSettings) -> Method:
    from r2u_rec.recsys.sharded.sharding import ByUser, served
    from r2u_rec.unlearn.sharded import Sharded

    if context.training.patience is not None:
        raise SettingsError(
            f"training.patience={context.training.patience} would stop a shard by users of all shards, whom later requests may name, and "
            "erasing would no longer be exact: set training.patience=null for the method sisa"
        )
    return Sharded(context.gradient_trainer(), ByUser(), served(s.combine, fold_all=s.fold_all), shards=s.shards, slices=s.slices)


@dataclass(frozen=True)
class LearnedShards:
    """Shards of similar users, items or interactions."""

    shards: int = setting(5, "models")
    by: str = setting("user", "what is dealt: user, item or interaction")
    own_items: bool = setting(False, "negatives of a shard from its own items alone")


@dataclass(frozen=True)
class GraphEraserSettings:
    """GraphEraser: communities or embedding clusters as shards."""

    shards: int = setting(5, "models")
    by: Literal["blpa", "bekm"] = setting("blpa", "balanced label propagation, or balanced clustering of embeddings")


def _learned(maker: str) -> Callable[[MethodContext, Any], Method]:
    """Returns the builder of a method whose partition is learned from vectors that the model's own training gives."""

    def build(context: MethodContext, s: Any) -> Method:
        from dataclasses import asdict
        from importlib import import_module

        make = getattr(import_module(f"r2u_rec.recsys.sharded.{maker}"), maker)
        return make(context.gradient_trainer(), context.task, pretrain=context.standard_trainer(), **asdict(s))  # type: ignore[no-any-return]

    return build


SISA = MethodSpec(
    name="sisa",
    title="SISA",
    source="Bourtoule et al. 2021, users dealt by a keyed hash",
    family="shards",
    reads="retained",
    settings=SisaSettings,
    needs=NEEDS,
    build=_sisa,
    exact=True,
)
RECERASER = MethodSpec(
    name="receraser",
    title="RecEraser",
    source="Chen et al. 2022, balanced partition and attention",
    family="shards",
    reads="retained",
    settings=LearnedShards,
    needs=NEEDS,
    build=_learned("receraser"),
)
ULTRARE = MethodSpec(
    name="ultrare",
    title="UltraRE",
    source="Li et al. 2023, optimal transport and a simple combiner",
    family="shards",
    reads="retained",
    settings=LearnedShards,
    needs=NEEDS,
    build=_learned("ultrare"),
)
GRAPHERASER = MethodSpec(
    name="grapheraser",
    title="GraphEraser",
    source="Chen et al. 2022, BLPA or BEKM, learned weights",
    family="shards",
    reads="retained",
    settings=GraphEraserSettings,
    needs=NEEDS,
    build=_learned("grapheraser"),
)
