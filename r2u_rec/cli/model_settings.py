"""The settings of a recommender and of how it forgets, and which of them go together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Operator: TypeAlias = Literal["auto", "newton", "ascent", "retrain", "exact", "sharded"]
Combine: TypeAlias = Literal["mean", "proportional", "own", "vote"]
Bound: TypeAlias = Literal["none", "cap", "chance", "soft"]
MEASURED = "measured on ml-100k"
PAPER = "Ready2Unlearn"

FORGETS_BY: dict[str, tuple[Operator, ...]] = {
    "mf": ("newton", "ascent", "retrain", "sharded"),
    "lightgcn": ("newton", "ascent", "retrain", "sharded"),
    "ease": ("exact",),
    "item_knn": ("exact",),
    "neumf": ("newton", "ascent", "retrain"),
    "autoencoder": ("newton", "ascent", "retrain"),
    "sasrec": ("newton", "ascent", "retrain"),
}
"""model.name -> values of forget.operator, the one that "auto" means in front."""

CLOSED_FORMS = tuple(name for name, operators in FORGETS_BY.items() if operators == ("exact",))
"""Models that are fitted and erased from in closed form: no training loop, no task, no preparation."""

LOSSES: dict[str, tuple[str, ...]] = {
    "mf": ("bpr", "bce"),
    "lightgcn": ("bpr", "bce"),
    "neumf": ("bpr", "bce"),
    "sasrec": ("bce", "softmax"),
}
"""model.name -> values of model.loss; models that are not here have one of their own."""


def setting(default: Any, text: str, source: str = "") -> Any:
    """Returns a dataclass field with its help text."""
    return field(default=default, metadata={"help": f"{text} [{source}]" if source else text})


@dataclass(frozen=True)
class ModelSettings:
    """Which recommender."""

    name: Literal["mf", "lightgcn", "ease", "item_knn", "neumf", "autoencoder", "sasrec"] = setting(
        "mf",
        "matrix factorisation or LightGCN; in closed form EASE, or ItemKNN: nearest items by cosine; NeuMF, an autoencoder of histories, "
        "or SASRec on sequences, each best begun from the preset of its name",
    )
    embedding_dim: int = setting(64, "of all but the closed forms", "LightGCN, section 4.1.2")
    n_layers: int = setting(3, "of lightgcn", "LightGCN, section 4.1.2")
    loss: Literal["bpr", "bce", "softmax"] = setting("bpr", "bpr or bce of mf, lightgcn and neumf; bce or softmax of sasrec")
    negatives: Literal["uniform", "popularity"] = setting("uniform", "how negatives of bpr and bce are drawn; sasrec: uniform")
    n_negatives: int = setting(1, "negatives an interaction of bpr and bce", "BPR")
    reg: float = setting(0.015, "of mf, lightgcn and neumf: L2 penalty on the vectors of an interaction", MEASURED)
    widths: tuple[int, ...] = setting((32, 16), "of neumf: hidden layers of its network", MEASURED)
    dropout: float = setting(0.4, "of autoencoder (share of a history that training hides) and sasrec", MEASURED)
    max_length: int = setting(64, "of sasrec: items of a window, even", MEASURED)
    ease_reg: float = setting(250.0, "ridge of ease", "EASE, section 4")
    n_neighbours: int = setting(200, "of item_knn: length of each item's list", MEASURED)
    shrinkage: float = setting(5.0, "of item_knn: added to the denominator of the cosine, trusts items of few users less", MEASURED)


@dataclass(frozen=True)
class ForgetSettings:
    """How a trained model forgets."""

    operator: Operator = setting(
        "auto",
        "what `forget` does; exact is for ease and item_knn, sharded (in shards of users) for mf and lightgcn; auto: exact, else newton",
    )
    smallest_batch: int = setting(
        20, "fewer users at once are refused: a model from before and one from after give a single erasure away; 1 allows it"
    )
    length: float | Literal["canaries", "shadow"] = setting(
        "shadow",
        "newton: length of the step, or what sets it at the end of training: canaries; shadow: canaries and one more training",
        MEASURED,
    )
    damping: float = setting(0.1, "newton: added to the diagonal", MEASURED)
    n_draws: int = setting(32, "newton: negatives an interaction in the request's gradient", MEASURED)
    n_kept: int = setting(1, "newton: negatives an interaction in what is kept, which grows with it")
    table_shares: tuple[str, ...] = setting((), "newton: TABLE=SHARE of the length that a table moves by, such as input_rows=0.3; else 1")
    evidence: Literal["fold_in", "own_loss", "adaptive"] = setting(
        "fold_in", "newton: what canaries are judged by; own_loss suits sequences, adaptive (both, with length=shadow) histories", MEASURED
    )
    longest: float = setting(3.0, "newton: longest step that canaries try")
    shards: int = setting(5, "sharded: models, each of the users that a keyed hash deals to it")
    slices: int = setting(1, "sharded: parts of a shard that are learnt one after the other; a folder holds shards x slices models", "SISA")
    combine: Combine = setting(
        "mean",
        "sharded: how scores of shards become one: mean, proportional (to records), own (shards of the user's records), vote",
        "SISA",
    )
    steps: int = setting(40, "ascent: at most so many steps")
    lr: float = setting(0.02, "ascent: size of a step", MEASURED)
    optimizer: Literal["sgd", "adam"] = setting("sgd", "ascent")
    reduction: Literal["mean", "sum"] = setting("sum", "ascent: of the request's losses")
    tables: tuple[str, ...] | None = setting(("item_*",), "shell patterns of the parameters edited; null: all")
    bound: Bound = setting("none", "ascent: what keeps the loss finite")
    bound_level: float | None = setting(None, "in nats")
    target: float | Literal["chance", "canaries", "shadow"] | None = setting(
        None,
        "ascent: stop at this mean loss, in nats; chance: that of a model that knows nothing; null: all steps; canaries, shadow: as far "
        "along the way of all steps as hides canaries, set once at the end of training as for `forget.length`",
    )
