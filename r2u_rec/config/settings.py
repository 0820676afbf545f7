"""Settings: everything that a settings file and flags can say, resolved: one frozen object, compiled once into a Plan.

Settings of a model, a way to train, or a method are the dataclass that its spec names: `model.FIELD`, `prepare.ARM.FIELD`,
`forget.METHOD.FIELD`. Nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from r2u_rec.config.plan import Plan
from r2u_rec.registry.tables import ARMS, METHODS, MODELS
from r2u_rec.revocability.settings import RevocabilitySettings
from r2u_rec.setting import setting
from r2u_rec.simulation.settings import SimulateSettings
from r2u_rec.study.settings import EvaluateSettings


@dataclass(frozen=True)
class DataSettings:
    """Which interactions, and how they are split."""

    name: str = setting("ml-100k", "a data set of `r2u datasets`")
    path: str | None = setting(None, "a file or folder of your own in its place: CSV, TSV, Parquet, RecBole .inter")
    user: str = setting("auto", "its user column; auto: the usual names")
    item: str = setting("auto", "its item column")
    time: str | None = setting("auto", "its time column, null for none")
    rating: str | None = setting("auto", "its rating column, null for none")
    time_unit: Literal["auto", "s", "ms", "us", "ns", "iso"] = setting(
        "auto", "of its time column: seconds and smaller since 1970-01-01 UTC, or iso for dates as text; auto: numbers are seconds"
    )
    duplicates: Literal["error", "first", "last", "count", "sum"] = setting(
        "error", "when a user has an item twice: refuse, keep one, count them, or sum their ratings"
    )
    user_info: str | None = setting(None, "a file with side information of the users")
    item_info: str | None = setting(None, "a file with side information of the items")
    separator: str | None = setting(None, "what stands between its columns; null: by the file's ending")
    min_rating: float | None = setting(None, "interactions rated lower are left out")
    min_user_records: int = setting(1, "users with fewer interactions are left out")
    min_item_records: int = setting(1, "items with fewer interactions are left out")
    split: Literal["none", "random", "last", "time", "given"] = setting(
        "none", "what is held out for tests: none, a random share of each user, the last of each, the latest, or the data set's own"
    )
    shares: tuple[float, float, float] = setting((0.8, 0.1, 0.1), "of training, validation and test", "LightGCN, RecBole")


@dataclass(frozen=True)
class TrainingSettings:
    """The training loop. What a model sets otherwise goes before these defaults."""

    epochs: int = setting(200, "passes over the training part")
    batch_size: int = setting(8192, "interactions a step")
    lr: float = setting(5e-3, "learning rate at the start")
    optimizer: Literal["adam", "adamw", "sgd"] = setting("adam", "adam updates only the rows of a batch")
    weight_decay: float = setting(0.0, "of adamw and sgd")
    schedule: Literal["constant", "linear"] = setting("linear", "of the learning rate")
    average_share: float = setting(0.25, "share of the epochs, the last ones, whose weights are averaged")
    validate_every: int = setting(20, "epochs between validations")
    patience: int | None = setting(None, "validations without a new best before stopping; null: never")
    device: str = setting("cpu", "torch device")
    threads: int | None = setting(1, "processor threads of torch; small data gains nothing from more; null: as torch likes")


MACHINE = ("device", "threads")
"""Settings of the machine, which may change from verb to verb."""


@dataclass(frozen=True)
class PrepareSettings:
    """How the model is prepared for erasure while it learns.

    Attributes:
        arms: name -> settings of each way to train.
    """

    arm: str = setting("standard", "how the model is trained: standard, or prepared for requests such as ready2unlearn")
    arms: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ForgetSettings:
    """How a trained model forgets.

    Attributes:
        methods: name -> settings of each method.
    """

    method: str = setting("auto", "the method; auto: exact where the model allows it, else newton")
    smallest_batch: int = setting(
        20, "fewer users at once are refused: a model from before and one from after give a single erasure away; 1 allows it"
    )
    deadline_days: float = setting(30.0, "days from a request to its deadline, by which a small batch is advised to wait")
    methods: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelChoice:
    """A model by name, with its settings."""

    name: str
    settings: Any


PLAIN: dict[str, type[Any]] = {
    "data": DataSettings,
    "training": TrainingSettings,
    "revocability": RevocabilitySettings,
    "evaluate": EvaluateSettings,
    "simulate": SimulateSettings,
}
"""Sections that are one dataclass."""

SECTIONS = ("data", "model", "training", "prepare", "forget", "revocability", "evaluate", "simulate")
"""All sections, in the order of files and help."""


@dataclass(frozen=True)
class Settings:
    """All settings of a run."""

    data: DataSettings
    model: ModelChoice
    training: TrainingSettings
    prepare: PrepareSettings
    forget: ForgetSettings
    revocability: RevocabilitySettings
    evaluate: EvaluateSettings
    simulate: SimulateSettings
    seed: int = 0

    def plan(self, *, arm: str | None = None, method: str | None = None) -> Plan:
        """Returns the plan of these settings, or that of another arm or method among them.

        Raises:
            SettingsError: a component that does not fit the model.
        """
        arm = self.prepare.arm if arm is None else arm
        spec = MODELS.get(self.model.name)
        loop = {f: getattr(self.training, f) for f in vars(self.training) if f != "threads"} if spec.training is not None else None
        chosen = self.forget.method if method is None else method
        name = spec.method if chosen == "auto" else chosen
        return Plan.of(
            spec,
            self.model.settings,
            loop=loop,
            arm=arm if spec.training is not None else "standard",
            arm_settings=self.prepare.arms.get(arm),
            method=name,
            method_settings=self.forget.methods.get(name),
            seed=self.seed,
            threads=self.training.threads,
        )

    def flat(self) -> dict[str, dict[str, Any]]:
        """Returns section -> key -> plain value, nested as a settings file is."""
        out: dict[str, Any] = {}
        for name in SECTIONS:
            section = getattr(self, name)
            if name == "model":
                out[name] = {"name": section.name, **asdict(section.settings)}
            elif name == "prepare":
                out[name] = {"arm": section.arm} | {arm: asdict(own) for arm, own in section.arms.items() if asdict(own)}
            elif name == "forget":
                plain = {key: value for key, value in vars(section).items() if key != "methods"}
                out[name] = plain | {method: asdict(own) for method, own in section.methods.items() if asdict(own)}
            else:
                out[name] = asdict(section)
        return out | {"seed": self.seed}


def component_names(section: str) -> tuple[str, ...]:
    """Returns the names of the components whose settings stand in a section: arms under prepare, methods under forget."""
    return {"prepare": ARMS.names(), "forget": METHODS.names()}.get(section, ())
