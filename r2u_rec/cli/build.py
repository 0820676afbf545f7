"""From settings to the objects of the other rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, Literal

import numpy as np
import torch

from r2u_rec.cli.cohorts import Cohorts
from r2u_rec.cli.model_settings import CLOSED_FORMS, FORGETS_BY, LOSSES, ModelSettings
from r2u_rec.cli.policy_words import weights_of
from r2u_rec.cli.settings import PrepareSettings, Settings, TrainingSettings
from r2u_rec.core.prepare.adaptive import Adaptive
from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.privacy.clipping import clipped
from r2u_rec.core.protocols import Split
from r2u_rec.core.step import Step
from r2u_rec.core.strategies import isolated, phased, reweighted, standard
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import History, Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.evaluate.length.canary_rule import CanaryRule, ShadowRule
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.closed_form.item_knn import ItemKnn
from r2u_rec.recsys.models.autoencoder import autoencoder
from r2u_rec.recsys.models.sasrec import sasrec
from r2u_rec.recsys.sharded.sharding import ByUser, served
from r2u_rec.recsys.tasks.history import HistoryTask
from r2u_rec.recsys.tasks.noisy import noisy
from r2u_rec.recsys.tasks.private_tables import private_tables
from r2u_rec.recsys.tasks.ranking import RankingTask, lightgcn, matrix_factorization, neumf
from r2u_rec.recsys.tasks.sequence import SequenceTask
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.retrain import Retrain
from r2u_rec.unlearn.scaled import Scaled
from r2u_rec.unlearn.sharded import Sharded

EVIDENCE: Mapping[str, Literal["fold-in", "own loss", "adaptive"]] = {"fold_in": "fold-in", "own_loss": "own loss", "adaptive": "adaptive"}
RULES = ("canaries", "shadow")
"""What `forget.length` and `forget.target` may name in place of a number."""

ITEM_TABLES = ("item_*",)
"""What everyone is served from, in every factor model of `recsys`."""


def task(model: ModelSettings) -> RankingTask | HistoryTask | SequenceTask | None:
    """Returns the task of a model; None for one in closed form, which needs none.

    Raises:
        SettingsError: a setting is out of its bounds, or a loss is none of the model's.
    """
    name, d = model.name, model.embedding_dim
    if name in CLOSED_FORMS:
        return None
    if name in LOSSES and model.loss not in LOSSES[name]:
        raise SettingsError(f"model.loss={model.loss} does not fit model.name={name}: set {' or '.join(LOSSES[name])}")
    if d < 1:
        raise SettingsError(f"model.embedding_dim must be >= 1, got {d}")
    if name in ("autoencoder", "sasrec") and not 0 <= model.dropout < 1:
        raise SettingsError(f"model.dropout must lie in [0, 1), got {model.dropout}: 0 hides nothing")
    if name == "autoencoder":
        return HistoryTask(autoencoder(d, dropout=model.dropout))
    if name == "sasrec":
        if model.max_length < 2 or model.max_length % 2:
            raise SettingsError(f"model.max_length must be even and >= 2, got {model.max_length}")
        return SequenceTask(sasrec(d, max_length=model.max_length, dropout=model.dropout), model.loss, model.n_negatives)
    if name == "neumf" and (not model.widths or min(model.widths) < 1):
        raise SettingsError(f"model.widths must name at least one hidden layer of width >= 1, got {list(model.widths)}: such as 32,16")
    builds = {
        "mf": lambda: matrix_factorization(d),
        "lightgcn": lambda: lightgcn(d, model.n_layers),
        "neumf": lambda: neumf(d, model.widths),
    }
    return RankingTask(builds[name](), model.loss, model.negatives, model.n_negatives, model.reg)


def training(t: TrainingSettings) -> Training:
    """Returns the settings of the loop."""
    return Training(**{f.name: getattr(t, f.name) for f in fields(t) if f.name != "threads"})


@contextmanager
def threads(n: int | None) -> Iterator[None]:
    """Sets torch to `n` processor threads inside the block; None leaves it as it is.

    Raises:
        SettingsError: n below 1.
    """
    if n is not None and n < 1:
        raise SettingsError(f"training.threads must be >= 1 or null, got {n}")
    before = torch.get_num_threads()
    if n is not None:
        torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def revocable_split(records: InteractionLog, revocable: Any) -> Split:
    """Returns D_f, the records of the revocable users, D_r, all others, and D_rc, which is D_r."""
    forget = records.ids_of_users(revocable)
    retain = np.setdiff1d(records.ids, forget, assume_unique=True)
    return Split(forget, retain, retain)


def strategy(arm: str, prepare: PrepareSettings, revocable: Any, loop: TrainingSettings) -> Callable[[InteractionLog], Step]:
    """Returns records -> step of a training arm, with the revocable users that are still there."""
    makers: dict[str, Callable[[InteractionLog], Step]] = {
        "standard": lambda records: standard,
        "isolated": lambda records: isolated(records.ids_of_users(revocable), prepare.isolate),
        "reweighted": lambda records: reweighted(records.ids_of_users(revocable), prepare.weight),
        "phased": lambda records: phased(records.ids_of_users(revocable), prepare.phase_share),
        "noisy": lambda records: noisy(records.ids_of_users(revocable), prepare.sigma),
        "clipped": lambda records: clipped(records.ids_of_users(revocable), prepare.clip_norm),
        "private": lambda records: private_tables(
            batch_size=loop.batch_size, max_norm=prepare.private_norm, noise_multiplier=prepare.private_noise
        ),
        "ready2unlearn": lambda records: Ready2Unlearn(
            revocable_split(records, revocable), preparation(prepare, records, revocable, loop.epochs), adaptive(prepare)
        ),
    }
    return makers[arm]


def preparation(p: PrepareSettings, records: InteractionLog, revocable: Any, epochs: int) -> Preparation:
    """Returns the settings of Ready2Unlearn; a simulated request takes a share of the revocable users with records."""
    plain = set(f.name for f in fields(Preparation)) & set(f.name for f in fields(PrepareSettings))
    present = np.asarray(revocable)[records.user_counts[revocable] > 0]
    n = 0 if p.request_share is None else max(1, round(p.request_share * len(present)))

    def request(rng: np.random.Generator) -> Any:
        return records.ids_of_users(rng.choice(present, size=n, replace=False))

    return Preparation(
        **{name: getattr(p, name) for name in plain},
        epochs=max(1, round(p.last_share * epochs)),
        request=None if p.request_share is None else request,
    )


def adaptive(p: PrepareSettings) -> Adaptive | None:
    """Returns what holds the validation quality near that of standard training; None when it is not asked for."""
    return None if p.most_loss is None else Adaptive(p.reference, p.most_loss)


def trainer(
    s: Settings,
    arm: str,
    revocable: Any,
    *,
    validate: Callable[[Any], float] | None = None,
    on_history: Callable[[History], None] | None = None,
    checkpoint: Any = None,
) -> GradientTrainer:
    """Returns how `arm` trains."""
    step = strategy(arm, s.prepare, revocable, s.training)
    return GradientTrainer(training(s.training), step, validate, checkpoint, on_history, label=arm)


def operator_of(s: Settings) -> str:
    """Returns `forget.operator`, "auto" resolved by the model."""
    return FORGETS_BY[s.model.name][0] if s.forget.operator == "auto" else s.forget.operator


def method(s: Settings, arm: str, operator: str, cohorts: Cohorts, *, length: float | None = None, **trainer_arguments: Any) -> Any:
    """Returns the method: a closed form, shards, or a training arm with a way to forget.

    Args:
        length: of an edit, where it was set before; None: by the settings.

    Raises:
        SettingsError: the operator does not fit the model.
    """
    if operator not in FORGETS_BY[s.model.name]:
        raise SettingsError(
            f"forget.operator={operator} does not fit model.name={s.model.name}, which forgets by {' or '.join(FORGETS_BY[s.model.name])}"
        )
    if operator == "exact":
        return closed_form(s.model, s.model.name)
    if operator == "sharded":
        return sharded(s, arm, s.forget.shards, on_history=trainer_arguments.get("on_history"))
    by = trainer(s, arm, cohorts.revocable, **trainer_arguments)
    return Retrain(by) if operator == "retrain" else PostHoc(by, unlearner(s, operator, cohorts, length))


def closed_form(model: ModelSettings, name: str) -> Ease | ItemKnn:
    """Returns the closed form `name`, one of `CLOSED_FORMS`."""
    return Ease(reg=model.ease_reg) if name == "ease" else ItemKnn(model.n_neighbours, model.shrinkage)


def sharded(s: Settings, arm: str, shards: int, *, on_history: Callable[[History], None] | None = None) -> Sharded:
    """Returns SISA: each user in the shard that a hash of the user's own key names, every shard trained plainly. Exact.

    Raises:
        SettingsError: an arm that goes by who is revocable, or early stopping: both read records of others than the shard's own.
    """
    if arm != "standard":
        raise SettingsError(
            f"forget.operator=sharded trains again what a request touches and needs no preparation, prepare.arm is {arm}; who is revocable "
            "would be decided by records of others too, and erasing no longer exact: set prepare.arm=standard"
        )
    if s.training.patience is not None:
        raise SettingsError(
            f"training.patience={s.training.patience} would stop a shard by users of all shards, whom later requests may name, and "
            "erasing would no longer be exact: set training.patience=null for forget.operator=sharded"
        )
    by = trainer(s, arm, np.empty(0, dtype=np.int64), on_history=on_history)
    return Sharded(by, ByUser(), served(s.forget.combine), shards=shards, slices=s.forget.slices)


def unlearner(s: Settings, operator: str, cohorts: Cohorts, length: float | None = None) -> GradientAscent | Scaled | BlockNewton:
    """Returns the operator that edits a trained model.

    Args:
        length: how far it goes, where a rule of the settings has set that before; None: by the settings.
    """
    f = s.forget
    if operator == "ascent":
        if f.target not in RULES:
            return climb(s)
        return Scaled(climb(s), canary_rule(s, cohorts, "target") if length is None else length)
    if length is None:
        length = canary_rule(s, cohorts) if f.length in RULES else f.length
    return BlockNewton(length, f.damping, f.n_draws, f.n_kept, shares=weights_of(f.table_shares, "forget.table_shares"))


def climb(s: Settings) -> GradientAscent:
    """Returns gradient ascent, to its last step where a rule says how far along its way to go."""
    f = s.forget
    target = None if f.target in RULES else f.target
    return GradientAscent(f.steps, f.lr, f.optimizer, f.reduction, bound=f.bound, bound_level=f.bound_level, target=target, tables=f.tables)


def canary_rule(s: Settings, cohorts: Cohorts, setting: Literal["length", "target"] = "length") -> CanaryRule | ShadowRule:
    """Returns the rule that `forget.length` names for the Newton step, or `forget.target` for ascent.

    Canaries are revocable users, for they are whom requests come from, but none of those by whom a run judges the outcome.

    Raises:
        SettingsError: no users were kept out of training to compare with, or an attack that needs a shadow model has none.
    """
    word = getattr(s.forget, setting)
    if len(cohorts.calibration_users) == 0:
        raise SettingsError(
            f"forget.{setting}={word} compares with users kept out of training, and there are none: "
            f"set revocability.calibration_share above 0, or forget.{setting} to a number"
        )
    calibration_users = cohorts.histories.keep(cohorts.histories.ids_of_users(cohorts.calibration_users))
    evidence = s.forget.evidence
    if evidence == "adaptive" and word != "shadow":
        raise SettingsError(
            f"forget.evidence=adaptive holds canaries against a shadow model, and forget.{setting} is {word}: set it to shadow"
        )
    candidates = np.setdiff1d(cohorts.revocable, cohorts.forget)
    rule = CanaryRule(calibration_users, candidates, longest=s.forget.longest, seed=s.seed, evidence=EVIDENCE[evidence])
    return rule if word == "canaries" else ShadowRule(rule, trainer(s, "standard", cohorts.revocable))
