# Written by `python -m r2u_rec.api.stub r2u_rec/__init__.pyi`: `__init__.py` imports a name when it is asked for.
from typing import Any, Literal

from r2u_rec.api.adopting.implicit import from_implicit as from_implicit
from r2u_rec.api.adopting.recbole import from_recbole as from_recbole
from r2u_rec.api.choices import MethodChoice, PrepareChoice
from r2u_rec.api.constructors import RecBole as RecBole
from r2u_rec.api.constructors import model as model
from r2u_rec.api.loading import load as load
from r2u_rec.api.proofs.audit import audit as audit
from r2u_rec.api.proofs.compare import compare as compare
from r2u_rec.api.proofs.simulating import simulate as simulate
from r2u_rec.api.recommender import Recommender as Recommender
from r2u_rec.api.registering import register_arm as register_arm
from r2u_rec.api.registering import register_method as register_method
from r2u_rec.api.registering import register_model as register_model
from r2u_rec.api.scoring import score_users as score_users
from r2u_rec.data import load_dataset as load_dataset
from r2u_rec.data import read_interactions as read_interactions
from r2u_rec.data.split import split as split

Method = MethodChoice
Prepare = PrepareChoice

__version__: str
__all__: list[str]
_NAMES: dict[str, str]

def ALS(
    *,
    embedding_dim: int = 64,
    reg: float = 30.0,
    alpha: float = 4.0,
    sweeps: int = 15,
    prepare: PrepareChoice | None = None,
    method: str | MethodChoice = "auto",
    seed: int = 0,
    threads: int | None = 1,
    calibration_share: float = 0.0,
    progress: bool | None = None,
) -> Recommender: ...
def BPR(
    *,
    embedding_dim: int = 64,
    lr: float = 0.005,
    reg: float = 0.005,
    epochs: int = 100,
    prepare: PrepareChoice | None = None,
    method: str | MethodChoice = "auto",
    seed: int = 0,
    threads: int | None = 1,
    calibration_share: float = 0.0,
    progress: bool | None = None,
) -> Recommender: ...
def EASE(
    *,
    reg: float = 250.0,
    prepare: PrepareChoice | None = None,
    method: str | MethodChoice = "auto",
    seed: int = 0,
    threads: int | None = 1,
    calibration_share: float = 0.0,
    progress: bool | None = None,
) -> Recommender: ...
def ItemKNN(
    *,
    n_neighbours: int = 200,
    shrinkage: float = 5.0,
    prepare: PrepareChoice | None = None,
    method: str | MethodChoice = "auto",
    seed: int = 0,
    threads: int | None = 1,
    calibration_share: float = 0.0,
    progress: bool | None = None,
) -> Recommender: ...
def LightGCN(
    *,
    loss: Literal["bpr", "bce"] = "bpr",
    negatives: Literal["uniform", "popularity"] = "uniform",
    n_negatives: int = 1,
    reg: float = 0.015,
    embedding_dim: int = 64,
    n_layers: int = 3,
    epochs: int = 200,
    batch_size: int = 8192,
    lr: float = 0.005,
    optimizer: Literal["adam", "adamw", "sgd"] = "adam",
    weight_decay: float = 0.0,
    schedule: Literal["constant", "linear"] = "linear",
    average_share: float = 0.25,
    validate_every: int = 20,
    patience: int | None = None,
    device: str = "cpu",
    prepare: PrepareChoice | None = None,
    method: str | MethodChoice = "auto",
    seed: int = 0,
    threads: int | None = 1,
    calibration_share: float = 0.0,
    progress: bool | None = None,
) -> Recommender: ...
def MF(
    *,
    loss: Literal["bpr", "bce"] = "bpr",
    negatives: Literal["uniform", "popularity"] = "uniform",
    n_negatives: int = 1,
    reg: float = 0.015,
    embedding_dim: int = 64,
    epochs: int = 200,
    batch_size: int = 8192,
    lr: float = 0.005,
    optimizer: Literal["adam", "adamw", "sgd"] = "adam",
    weight_decay: float = 0.0,
    schedule: Literal["constant", "linear"] = "linear",
    average_share: float = 0.25,
    validate_every: int = 20,
    patience: int | None = None,
    device: str = "cpu",
    prepare: PrepareChoice | None = None,
    method: str | MethodChoice = "auto",
    seed: int = 0,
    threads: int | None = 1,
    calibration_share: float = 0.0,
    progress: bool | None = None,
) -> Recommender: ...
def MultiDAE(
    *,
    embedding_dim: int = 64,
    dropout: float = 0.8,
    polish: float | None = None,
    epochs: int = 30,
    batch_size: int = 4096,
    lr: float = 0.005,
    optimizer: Literal["adam", "adamw", "sgd"] = "adam",
    weight_decay: float = 0.0,
    schedule: Literal["constant", "linear"] = "linear",
    average_share: float = 0.0,
    validate_every: int = 20,
    patience: int | None = None,
    device: str = "cpu",
    prepare: PrepareChoice | None = None,
    method: str | MethodChoice = "auto",
    seed: int = 0,
    threads: int | None = 1,
    calibration_share: float = 0.0,
    progress: bool | None = None,
) -> Recommender: ...
def NeuMF(
    *,
    loss: Literal["bpr", "bce"] = "bce",
    negatives: Literal["uniform", "popularity"] = "uniform",
    n_negatives: int = 4,
    reg: float = 0.01,
    embedding_dim: int = 32,
    widths: tuple[int, ...] = (32, 16),
    epochs: int = 30,
    batch_size: int = 2048,
    lr: float = 0.005,
    optimizer: Literal["adam", "adamw", "sgd"] = "adam",
    weight_decay: float = 0.0,
    schedule: Literal["constant", "linear"] = "linear",
    average_share: float = 0.0,
    validate_every: int = 20,
    patience: int | None = None,
    device: str = "cpu",
    prepare: PrepareChoice | None = None,
    method: str | MethodChoice = "auto",
    seed: int = 0,
    threads: int | None = 1,
    calibration_share: float = 0.0,
    progress: bool | None = None,
) -> Recommender: ...
def SASRec(
    *,
    embedding_dim: int = 32,
    max_length: int = 64,
    dropout: float = 0.4,
    loss: Literal["bce", "softmax"] = "bce",
    n_negatives: int = 4,
    epochs: int = 16,
    batch_size: int = 1024,
    lr: float = 0.007,
    optimizer: Literal["adam", "adamw", "sgd"] = "adam",
    weight_decay: float = 0.0,
    schedule: Literal["constant", "linear"] = "linear",
    average_share: float = 0.0,
    validate_every: int = 20,
    patience: int | None = None,
    device: str = "cpu",
    prepare: PrepareChoice | None = None,
    method: str | MethodChoice = "auto",
    seed: int = 0,
    threads: int | None = 1,
    calibration_share: float = 0.0,
    progress: bool | None = None,
) -> Recommender: ...
def Ready2Unlearn(
    *,
    revocable: Any = None,
    share: float = 0.5,
    policy: str = "top_share",
    value: float = 0.5,
    alpha: float = 1.0,
    alpha_unit: Literal["record", "request"] = "record",
    geometry: Literal["gradient", "sign", "normalised", "random"] = "gradient",
    displace: Literal["item"] | tuple[str, ...] | None = "item",
    lambda0: float = 0.3,
    lambda1: float = 0.5,
    lambda2: float = 0.0,
    lambda3: float = 1.0,
    share_weighted: bool = True,
    normalised_weights: bool = True,
    bound: Literal["none", "cap", "chance", "soft"] = "cap",
    bound_level: float | None = 1.0,
    delta: bool = False,
    order: Literal[1, 2] = 1,
    last_share: float = 0.25,
    every: int = 1,
    warmup: float = 0.0,
    request_share: float | None = 0.3,
    n_forget: int | None = 2048,
    n_retain: int = 2048,
    n_recovery: int = 32,
    balanced: bool = False,
    most_loss: float | None = None,
    reference: float | None = None,
    allow_divergence: bool = False,
) -> PrepareChoice: ...
