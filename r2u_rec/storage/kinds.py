"""Which class stands behind each name in a stored folder; nothing is ever imported because a file says so."""

from __future__ import annotations

from importlib import import_module
from typing import TypeVar

from r2u_rec.core.stored import Stored
from r2u_rec.errors import DataError, SettingsError

C = TypeVar("C", bound=type[Stored])

BUILT_IN = {
    "newton": "r2u_rec.unlearn.curvature.block_newton:NewtonMemory",
    "table_blocks": "r2u_rec.unlearn.curvature.blocks:TableBlocks",
    "scaled": "r2u_rec.unlearn.scaled:ScaledMemory",
    "sharded": "r2u_rec.unlearn.sharded:ShardedMemory",
    "unlearning_layer": "r2u_rec.unlearn.layers.fusion:Layer",
    "unlearning_layers": "r2u_rec.unlearn.layers.student_layers:LayersMemory",
    "federated_log": "r2u_rec.recsys.federated.fru_log:UpdateLog",
    "ease": "r2u_rec.recsys.closed_form.ease:EaseMemory",
    "item_knn": "r2u_rec.recsys.closed_form.item_knn:ItemKnnMemory",
    "ease_model": "r2u_rec.recsys.closed_form.ease:EaseModel",
    "item_knn_model": "r2u_rec.recsys.closed_form.item_knn:ItemKnnModel",
    "als_model": "r2u_rec.recsys.closed_form.als:AlsModel",
    "matrix_factorization": "r2u_rec.recsys.models.factorization:MatrixFactorization",
    "popularity": "r2u_rec.recsys.serving.popularity:Popularity",
    "combined_tables": "r2u_rec.recsys.sharded.combined:CombinedTables",
    "sharded_recommender": "r2u_rec.recsys.sharded.sharding:ShardedRecommender",
}
"""One line for each class of this package that says itself what is kept of it; imported when a folder or an object of it is met."""

_OTHERS: dict[str, type[Stored]] = {}


def stored(kind: C) -> C:
    """Registers a class of your own under its `stored_as`, for the rest of the process; a class decorator.

    Raises:
        SettingsError: the class lacks `stored_as`, `parts` or `from_parts`, or another class has the name.
    """
    missing = [name for name in ("stored_as", "parts", "from_parts") if not hasattr(kind, name)]
    if missing:
        raise SettingsError(f"{kind.__name__} has no {' and no '.join(missing)}: what is stored says what it keeps")
    if kind.stored_as in BUILT_IN or _OTHERS.get(kind.stored_as, kind) is not kind:
        raise SettingsError(f"there is a stored class {kind.stored_as!r} already: give {kind.__name__} another stored_as")
    _OTHERS[kind.stored_as] = kind
    return kind


def class_of(name: str) -> type[Stored]:
    """Returns the class that is stored under `name`; DataError when this process knows none."""
    if name in _OTHERS:
        return _OTHERS[name]
    if name not in BUILT_IN:
        raise DataError(
            f"the folder holds a part of the unknown kind {name!r}: read it with the version that wrote it, or import first what registers "
            "it"
        )
    module, _, attribute = BUILT_IN[name].partition(":")
    found: type[Stored] = getattr(import_module(module), attribute)
    return found


def kind_of(value: object) -> str:
    """Returns the name under which an object is stored; DataError when it is none that could be read again."""
    name = getattr(type(value), "stored_as", None)
    known = isinstance(name, str) and (name in BUILT_IN or name in _OTHERS)
    if not isinstance(value, Stored) or not known or class_of(str(name)) is not type(value):
        raise DataError(
            f"a {type(value).__name__} cannot be written to a folder: give its class stored_as, parts and from_parts, and register it "
            "with r2u_rec.storage.stored"
        )
    return str(name)
