"""r2u_rec: recommenders that can forget.

    import r2u_rec as r2u

    log = r2u.read_interactions("purchases.csv", user="customer", item="sku")
    model = r2u.MF(embedding_dim=64, seed=0).fit(log)
    model.recommend(["C-00005"], k=10)
    after = model.forget(users=["C-00934"], allow_small_batch=True)

Every name is imported when it is asked for: `dir(r2u_rec)` lists them, `help(r2u_rec.MF)` shows a model's settings.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

_API = "r2u_rec.api"
_NAMES = {
    "read_interactions": "r2u_rec.data:read_interactions",
    "load_dataset": "r2u_rec.data:load_dataset",
    "split": "r2u_rec.data.split:split",
    "RecBole": f"{_API}.constructors:RecBole",
    "model": f"{_API}.constructors:model",
    "load": f"{_API}.loading:load",
    "Recommender": f"{_API}.recommender:Recommender",
    "Method": f"{_API}.choices:MethodChoice",
    "Prepare": f"{_API}.choices:PrepareChoice",
    "score_users": f"{_API}.scoring:score_users",
    "audit": f"{_API}.proofs.audit:audit",
    "compare": f"{_API}.proofs.compare:compare",
    "simulate": f"{_API}.proofs.simulating:simulate",
    "from_implicit": f"{_API}.adopting.implicit:from_implicit",
    "from_recbole": f"{_API}.adopting.recbole:from_recbole",
    "register_model": f"{_API}.registering:register_model",
    "register_arm": f"{_API}.registering:register_arm",
    "register_method": f"{_API}.registering:register_method",
}
"""Name -> where it is. The constructors of models and ways to train come from the registry beside these."""

__all__ = [*_NAMES, "ALS", "BPR", "EASE", "MF", "ItemKNN", "LightGCN", "MultiDAE", "NeuMF", "Ready2Unlearn", "SASRec"]


def __getattr__(name: str) -> object:
    if name in _NAMES:
        module, _, attribute = _NAMES[name].partition(":")
        found = getattr(import_module(module), attribute)
    else:
        found = None if name.startswith("_") else import_module(f"{_API}.constructors").named(name)
        if found is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
