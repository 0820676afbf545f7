"""What the tests of recbole share: small models, all that a value holds, and the library's model without any repair of its losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from roster import LOG  # in tests/conformance
from scipy import sparse

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.recsys.recbole.config import config_of
from r2u_rec.recsys.recbole.library import contained, quiet
from r2u_rec.recsys.recbole.records import dataset_class
from r2u_rec.recsys.recbole.repairs import model_class
from r2u_rec.recsys.recbole.task import recbole_task

SMALL: dict[str, dict[str, Any]] = {
    "BPR": {"embedding_size": 4},
    "CDAE": {"embedding_size": 4},
    "ConvNCF": {},
    "DGCF": {"embedding_size": 8, "n_factors": 2},
    "DMF": {"user_embedding_size": 4, "item_embedding_size": 4, "user_hidden_size_list": [4], "item_hidden_size_list": [4]},
    "DiffRec": {"dims_dnn": [8], "steps": 3},
    "ENMF": {"embedding_size": 4},
    "FISM": {"embedding_size": 4},
    "GCMC": {"gcn_output_dim": 8, "embedding_size": 4},
    "LINE": {"embedding_size": 4},
    "LightGCN": {"embedding_size": 4},
    "MacridVAE": {"embedding_size": 4, "kfac": 2, "encoder_hidden_size": [8]},
    "MultiDAE": {"mlp_hidden_size": [8], "latent_dimension": 4, "dropout_prob": 0.2},
    "MultiVAE": {"mlp_hidden_size": [8], "latent_dimension": 4},
    "NAIS": {"embedding_size": 4, "weight_size": 4},
    "NGCF": {"embedding_size": 4, "hidden_size_list": [4, 4]},
    "NNCF": {"ui_embedding_size": 4, "neigh_embedding_size": 4, "num_conv_kernel": 4, "mlp_hidden_size": [8, 4]},
    "NeuMF": {"mf_embedding_size": 4, "mlp_embedding_size": 4, "mlp_hidden_size": [8, 4], "dropout_prob": 0.0},
    "RaCT": {"mlp_hidden_size": [8], "latent_dimension": 4, "critic_layers": [4], "metrics_k": 5},
    "SGL": {"embedding_size": 4},
    "SimpleX": {"embedding_size": 4, "history_len": 4},
    "SpectralCF": {"embedding_size": 4, "n_layers": 2},
}
"""Every model that the adapter takes, small."""

TRAINER = GradientTrainer(Training(epochs=3, batch_size=72, lr=0.05), progress=False)
EVERYBODY = np.arange(LOG.n_users)


def small(name: str, **more: Any) -> Any:
    return recbole_task(name, **SMALL[name], **more)


def trained(name: str, log: Any = LOG, seed: int = 0) -> Any:
    return TRAINER.train(small(name), log, seed=seed)


def untouched(name: str, records: Any, n_negatives: int = 1) -> Any:
    """The library's model on the records, with nothing repaired but its adjacency matrix."""
    kind = model_class(name)
    config = config_of(kind, SMALL[name], n_negatives=n_negatives)
    with quiet(), contained(0):
        return kind(config, dataset_class()(config, records))


def held(value: Any, where: str = "", seen: set[int] | None = None) -> Any:
    """Yields (place, array) of every array, sparse matrix, number and text that a value holds, through objects of any kind."""
    seen = set() if seen is None else seen
    if id(value) in seen or isinstance(value, type):
        return
    if isinstance(value, torch.Tensor):
        if value.layout == torch.sparse_coo:
            yield f"{where} edges of {value.shape[0]}", value.coalesce().indices().numpy()
            value = value.coalesce().values()
        yield where, value.detach().numpy()
    elif isinstance(value, np.ndarray) and value.dtype == object:
        for i, part in enumerate(value.ravel()):
            yield from held(part, f"{where}[{i}]", seen)
    elif sparse.issparse(value):
        yield where, value.toarray()
    elif isinstance(value, str | int | float | bool | np.ndarray | np.generic) or value is None:
        yield where, np.asarray(value)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from held(part, f"{where}.{key}", seen)
    elif isinstance(value, list | tuple | set | frozenset):
        for i, part in enumerate(sorted(value) if isinstance(value, set | frozenset) else value):
            yield from held(part, f"{where}[{i}]", seen)
    elif hasattr(value, "__dict__"):
        seen.add(id(value))
        yield from held(vars(value), where, seen)
