"""The settings of a run: flat sections of plain values, each with its default, its meaning and where it comes from.

Nothing heavy is imported here: these values are what YAML files, flags and `settings.yaml` hold. The verbs build the
objects of the other rooms from them, which check what only they can know.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias

from r2u_rec.cli.model_settings import MEASURED, PAPER, Bound, ForgetSettings, ModelSettings, Operator, setting
from r2u_rec.revocability.settings import RevocabilitySettings

Arm: TypeAlias = Literal["standard", "isolated", "reweighted", "phased", "noisy", "clipped", "private", "ready2unlearn"]


@dataclass(frozen=True)
class DataSettings:
    """Which interactions, and how they are split."""

    name: str = setting("ml-100k", "a data set of `r2u datasets`")
    path: str | None = setting(None, "a file or folder of your own in its place: CSV, TSV, Parquet, RecBole .inter")
    user: str = setting("auto", "its user column; auto: the usual names")
    item: str = setting("auto", "its item column")
    time: str | None = setting("auto", "its time column, null for none")
    rating: str | None = setting("auto", "its rating column, null for none")
    time_unit: Literal["s", "ms", "us", "ns", "iso"] = setting("s", "of its time column, since 1970-01-01 UTC; iso for text")
    duplicates: Literal["error", "first", "last"] = setting("error", "when a user has an item twice in it: refuse, or keep one")
    user_info: str | None = setting(None, "a file with side information of the users")
    item_info: str | None = setting(None, "a file with side information of the items")
    separator: str | None = setting(None, "what stands between its columns; null: by the file's ending")
    min_rating: float | None = setting(None, "interactions rated lower are left out")
    min_user_records: int = setting(1, "users with fewer interactions are left out")
    min_item_records: int = setting(1, "items with fewer interactions are left out")
    split: Literal["random_per_user", "leave_last_out", "by_time", "given"] = setting("random_per_user", "given: the data set's own split")
    shares: tuple[float, float, float] = setting((0.8, 0.1, 0.1), "of training, validation and test", "LightGCN, RecBole")


@dataclass(frozen=True)
class TrainingSettings:
    """The optimisation loop of what is no closed form."""

    epochs: int = setting(200, "passes over the training part", MEASURED)
    batch_size: int = setting(8192, "interactions a step", MEASURED)
    lr: float = setting(5e-3, "learning rate at the start", MEASURED)
    optimizer: Literal["adam", "adamw", "sgd"] = setting("adam", "adam updates only the rows of a batch")
    weight_decay: float = setting(0.0, "of adamw and sgd")
    schedule: Literal["constant", "linear"] = setting("linear", "of the learning rate", MEASURED)
    average_share: float = setting(0.25, "share of the epochs, the last ones, whose weights are averaged", MEASURED)
    validate_every: int = setting(20, "epochs between validations")
    patience: int | None = setting(None, "validations without a new best before stopping; null: never")
    device: str = setting("cpu", "torch device")
    threads: int | None = setting(1, "processor threads of torch; steps on small data gain nothing from more; null: as torch likes")


@dataclass(frozen=True)
class PrepareSettings:
    """How the model is prepared for erasure while it learns. Defaults: simulated requests, bounded forget term."""

    arm: Arm = setting("ready2unlearn", "how `train` trains")
    weight: float = setting(0.25, "reweighted: weight of revocable interactions", "Ready2Unlearn, baselines")
    isolate: tuple[str, ...] = setting(
        ("item_*",), "isolated: parameters that revocable users never write, shell patterns of names", MEASURED
    )
    phase_share: float = setting(0.5, "phased: share of the epochs that see all interactions", "Ready2Unlearn, baselines")
    sigma: float = setting(0.3, "noisy: noise on the vectors of revocable interactions, in their own scale", "Ready2Unlearn, baselines")
    clip_norm: float = setting(0.01, "clipped: bound of what revocable interactions add to a step's gradient", MEASURED)
    private_norm: float = setting(0.1, "private (DP-SGD, mf alone): bound of one interaction's gradient", "Ready2Unlearn, baselines")
    private_noise: float = setting(0.5, "private: standard deviation of the noise over that bound")
    alpha: float = setting(1.0, "length of the inner ascent, an interaction or a request", MEASURED)
    alpha_unit: Literal["record", "request"] = setting("record", "what alpha is multiplied by")
    geometry: Literal["gradient", "sign", "normalised", "random"] = setting("gradient", "of the inner step; random: a control", PAPER)
    displace: tuple[str, ...] | None = setting(("item_*",), "shell patterns of the parameters displaced; null: all", MEASURED)
    lambda0: float = setting(0.3, "weight of the forget term", MEASURED)
    lambda1: float = setting(0.5, "weight of the retain term", MEASURED)
    lambda2: float = setting(0.0, "weight of the recovery term", PAPER)
    lambda3: float = setting(1.0, "weight of the current loss", MEASURED)
    share_weighted: bool = setting(True, "lambda0 times the request's share of all interactions", MEASURED)
    normalised_weights: bool = setting(True, "divide by lambda1 + lambda2 + lambda3")
    bound: Bound = setting("cap", "what keeps the forget term finite", MEASURED)
    bound_level: float | None = setting(1.0, "in nats", MEASURED)
    delta: bool = setting(False, "count the forget loss relative to the one before the inner step")
    order: int = setting(1, "1: first order, 2: exact", "Ready2Unlearn, Algorithm 1")
    last_share: float = setting(0.25, "share of the epochs, the last ones, that prepare", MEASURED)
    every: int = setting(1, "only every k-th of their steps prepares")
    warmup: float = setting(0.0, "epochs over which lambda0 to lambda2 grow from 0 where preparation begins")
    request_share: float | None = setting(0.3, "simulated requests: share of the revocable users; null: n_forget at random", MEASURED)
    n_forget: int | None = setting(2048, "interactions of x_f; null: the whole simulated request", MEASURED)
    n_retain: int = setting(2048, "interactions of x_r", MEASURED)
    n_recovery: int = setting(32, "interactions of x_rc", PAPER)
    balanced: bool = setting(False, "draw x half from revocable, half from stable interactions")
    most_loss: float | None = setting(
        None, "share of standard training's validation quality that may be lost: the weights give way below it; null: they never do", PAPER
    )
    reference: float | None = setting(
        None, "most_loss: validation quality of standard training; null: that of run's standard arm, else the best of the epochs before"
    )
    allow_divergence: bool = setting(False, "run a combination that is known to diverge")


@dataclass(frozen=True)
class EvaluateSettings:
    """What is measured, and against how many references."""

    ks: tuple[int, ...] = setting((10, 20), "lengths of the ranked lists")
    n_references: int = setting(5, "retrained models; never fewer than two")
    n_halves: int = setting(5, "random halves of each history")
    arms: tuple[Arm, ...] = setting(("standard", "ready2unlearn"), "run: ways to train")
    operators: tuple[Operator, ...] = setting(("newton", "ascent"), "run: ways to forget")
    stop_auc: float | None = setting(
        0.55, "run: ascent stops once the imprint is no higher, so that methods compare at equal imprint; null: all steps"
    )
    with_ease: bool = setting(True, "run: a row for EASE with exact erasure")


@dataclass(frozen=True)
class SimulateSettings:
    """A stream of deletion requests over time, and the policies that are compared on it."""

    start: str = setting("2026-01-01", "first day of the stream (UTC)")
    months: int = setting(12, "calendar months that it lasts")
    requests_per_month: float = setting(20.0, "mean number, arriving as a Poisson process")
    kinds: tuple[str, ...] = setting(("user=1",), "what is asked for, KIND=WEIGHT: user, interaction, item, category, window")
    hazard: Literal["score", "uniform"] = setting(
        "score", "who asks: in proportion to the rank of the revocability score, or anybody alike"
    )
    incident_month: float | None = setting(6.0, "months after the start at which many leave at once; null: no incident")
    incident_share: float = setting(0.02, "share of the users then there who leave after the incident")
    incident_days: float = setting(7.0, "days within which they ask")
    requests_file: str | None = setting(None, "a CSV or Parquet file of real requests, in place of drawn ones: time, kind, user, item, ...")
    requests_time_unit: Literal["s", "ms", "us", "ns", "iso"] = setting("iso", "of its times")
    newcomers_share: float = setting(0.1, "share of the users who join during the stream")
    later_share: float = setting(0.0, "share of the interactions of the other users that arrive during the stream")
    return_share: float = setting(0.1, "share of the erased users who come back under a new key")
    return_days: float = setting(60.0, "mean days until they do")
    policies: tuple[str, ...] = setting(
        (
            "never",
            "retrain by_deadline",
            "newton batch=1",
            "newton batch=20",
            "newton by_deadline",
            "ascent by_deadline trained=ready2unlearn",
        ),
        "OPERATOR FIELD=VALUE ...: operators are those of forget.operator, auto and never; fields those of a policy; auto among=sharded "
        "lets the cost choose between shards and training again",
    )
    seeds: tuple[int, ...] = setting((0,), "of streams and trainings; each seed is a simulation of its own")
    checkpoints: int = setting(3, "times along the stream at which quality and imprint are held against retrained models")
    n_references: int = setting(2, "retrained models at each checkpoint; never fewer than two")
    holdout_share: float = setting(0.05, "share of all users never trained on, drawn as requests are: what erased ones are told apart from")
    quality_users: int = setting(2000, "users by whom quality is measured, drawn from those who are there from the start and never ask")
    shards: int = setting(4, "of the operator sharded, in place of forget.shards")
    costs: tuple[str, ...] = setting(
        (), "OPERATOR=FIXED+PER_USER+PER_RECORD in seconds, what decisions are made by; none: measured once and kept in the folder"
    )


@dataclass(frozen=True)
class Settings:
    """All settings of a run."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    prepare: PrepareSettings = PrepareSettings()
    forget: ForgetSettings = ForgetSettings()
    revocability: RevocabilitySettings = RevocabilitySettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    simulate: SimulateSettings = SimulateSettings()
    seed: int = setting(0, "of everything that is random")


SECTIONS: dict[str, type[Any]] = {f.name: type(f.default) for f in fields(Settings) if f.name != "seed"}
SETTINGS_FILE = "settings.yaml"


def write_settings(settings: Settings, folder: Path) -> None:
    """Writes the resolved settings to `folder`/settings.yaml, from which a run is repeated."""
    import yaml

    (folder / SETTINGS_FILE).write_text(yaml.safe_dump(_plain(asdict(settings)), sort_keys=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
