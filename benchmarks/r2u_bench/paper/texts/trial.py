"""A trial on text: fine-tune a pretrained model by one arm, ascend on D_f, and perhaps fine-tune on again (the paper's Section 4.2).

Rows that a trial gives, by their column `what`:

    trained     after fine-tuning: losses, Min-20 % AUC, seconds, and what Figures 7 and 11 count
    curve       a point of unlearning: unlearner, step, losses, AUC; step 0 is `trained` again
    unlearned   its end: the step, losses, and the same counts
    phase       forget loss by epoch of training or recovery (only where there is recovery)
    recovered   after recovery on a part of D_rc, from the unlearned model; for the retrained arm from itself: the never-seen level
    token, point   what the pictures show
"""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from r2u_bench.paper.experiment import Spec
from r2u_bench.paper.texts import measure
from r2u_bench.paper.texts.arms import Arm, arm_of
from r2u_bench.paper.texts.data import Material, Start, material, recovery_quantiles, start_of
from r2u_bench.paper.texts.measure import Probe, Row
from r2u_bench.paper.texts.settings import TextSettings, text_settings
from r2u_rec.core.training import Training, fit_
from r2u_rec.errors import DivergenceError
from r2u_rec.ids import Ids, as_ids
from r2u_rec.language.task import TextTask
from r2u_rec.optional import needed
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.preference import NegativePreference

COMMON_WORDS_FROM = ("bbc-news", "muse-news")
"""News that may be shown: what words a masked text may keep is learned there, never from the e-mails themselves."""


def run(spec: Spec) -> list[Row]:
    """Returns the rows of one trial; see the module."""
    s = text_settings(spec)
    needed("transformers", "a trial on text").utils.logging.disable_progress_bar()
    start = start_of(s)
    m = material(s, start)
    parts = _recovery_parts(s, m, start)
    arm = arm_of(s, start, m, parts[s.prepared_quantile])
    looked_at = measure.probe(m, s.n_measured)
    device = str(spec.get("device", "cpu"))
    model = arm.task.model(arm.records, seed=s.seed)
    rows, seconds = _trained(s, arm, model, looked_at, device)
    extra = _Extra(s, m, start)
    rows += extra.rows(model, "trained")
    trained = {"what": "trained", **looked_at.measure(model), **extra.figures(model), "train_seconds": seconds}
    trained["n_parameters"] = sum(p.numel() for p in model.parameters())
    rows.append(trained)
    if s.arm == "retrained":
        return rows + _recovered(s, arm, m, model, parts, looked_at, device)
    for unlearner in s.unlearners:
        edited = copy.deepcopy(model)
        found = _unlearned(s, arm, m, edited, unlearner, looked_at)
        rows += found
        end = {**found[-1], "what": "unlearned", **extra.figures(edited)}
        rows += [end, *extra.rows(edited, "unlearned")]
        if unlearner == "ascent":
            rows += _recovered(s, arm, m, edited, parts, looked_at, device)
    return rows


def _training(s: TextSettings, epochs: int, lr: float, device: str) -> Training:
    return Training(
        epochs=epochs, batch_size=s.batch_size, lr=lr, accumulate=s.accumulate, device=device,
        precision=s.precision,  # type: ignore[arg-type]
    )  # fmt: skip


def _trained(s: TextSettings, arm: Arm, model: nn.Module, looked_at: Probe, device: str) -> tuple[list[Row], float]:
    """Fine-tunes in place; returns the forget loss by epoch, where recovery is asked for, and its seconds without what is watched.

    They are of the processor where the model is on one, so that trials side by side do not lengthen each other.
    """
    rows: list[Row] = []
    clock = time.process_time if device == "cpu" else time.perf_counter
    watched = 0.0
    watcher = _watcher(rows, looked_at, phase="training") if s.recoveries else None

    def watch(epoch: int, judged: nn.Module, row: dict[str, float]) -> None:
        nonlocal watched
        begun = clock()
        if watcher:
            watcher(epoch, judged, row)
        watched += clock() - begun

    begun = clock()
    fit_(
        model, arm.task, arm.records, training=_training(s, s.epochs, s.lr, device), seed=s.seed, step=arm.step,
        callbacks=[watch], progress=False,
    )  # fmt: skip
    return rows, clock() - begun - watched


def _unlearned(s: TextSettings, arm: Arm, m: Material, model: nn.Module, unlearner: str, looked_at: Probe) -> list[Row]:
    """Unlearns in place and returns the curve. A loss that is not finite ends it: the model is destroyed by then, and no row says more."""
    end = s.stop_loss or arm.task.chance(m.documents)
    rows: list[Row] = []

    def point(step: int) -> bool:
        if rows and rows[-1]["step"] == step:
            return True
        rows.append({"what": "curve", "unlearner": unlearner, "step": step, **looked_at.measure(model)})
        return bool(rows[-1]["forget_loss"] >= end)

    def stop(_: nn.Module, done: int, mean: float) -> bool:
        return done % s.curve_every == 0 and point(done)

    shared: dict[str, Any] = {
        "steps": s.unlearn_steps, "lr": s.unlearn_lr, "optimizer": "adam", "batch_size": s.unlearn_batch, "stop": stop,
    }  # fmt: skip
    if unlearner == "npo":
        operator: Any = NegativePreference(beta=s.npo_beta, **shared)
    elif unlearner == "bounded":
        operator = GradientAscent(bound="soft", bound_level=arm.task.chance(m.documents), **shared)
    else:
        operator = GradientAscent(**shared)
    try:
        operator.edit_(arm.task, model, m.documents.keep(m.split.forget), None, seed=s.seed)
        if rows[-1]["forget_loss"] < end and rows[-1]["step"] < s.unlearn_steps:
            point(s.unlearn_steps)
    except DivergenceError:
        if not rows:
            raise
    return rows


def _recovered(s: TextSettings, arm: Arm, m: Material, model: nn.Module, parts: dict[int, Ids], looked_at: Probe, device: str) -> list[Row]:
    """Fine-tunes copies of the model on the parts of D_rc that are asked for; the loss of D_f is what comes back."""
    rows: list[Row] = []
    plain = TextTask(arm.task.build, arm.task.pad_id, arm.task.vocab_size)
    for part in s.recoveries:
        again = copy.deepcopy(model)
        watch = _watcher(rows, looked_at, phase="recovery", recovery=part)
        docs = m.documents.keep(parts[part])
        fit_(
            again, plain, docs, training=_training(s, s.recovery_epochs, s.recovery_lr, device), seed=s.seed,
            callbacks=[watch], progress=False,
        )  # fmt: skip
        rows.append({"what": "recovered", "recovery": part, "n_recovery_used": len(docs), **looked_at.measure(again)})
    return rows


def _watcher(rows: list[Row], looked_at: Probe, **columns: Any) -> Callable[[int, nn.Module, dict[str, float]], None]:
    def watch(epoch: int, model: nn.Module, _: dict[str, float]) -> None:
        rows.append({"what": "phase", **columns, "epoch": epoch + 1, "forget_loss": looked_at.forget_loss(model)})

    return watch


def _recovery_parts(s: TextSettings, m: Material, start: Start) -> dict[int, Ids]:
    """Returns D_rc as 0, and its quantiles 1 to 4 where the trial uses any."""
    whole = m.split.recovery
    if not any((*s.recoveries, s.prepared_quantile)):
        return {0: whole}
    groups = recovery_quantiles(m, start.tokenizer)
    return {0: whole, **{q: as_ids(np.sort(whole)[groups == q]) for q in range(1, 5)}}


class _Extra:
    """What the pictures of token losses and of representations need, measured only where the spec asks."""

    def __init__(self, s: TextSettings, m: Material, start: Start) -> None:
        self.s = s
        self.forget, self.retain = (m.documents.keep(ids) for ids in (m.split.forget, m.split.retain))
        self.shown = measure.masked_tokens(self.forget, start.tokenizer, _common_words()) if s.token_picture else []

    def figures(self, model: nn.Module) -> Row:
        row: Row = {}
        if self.shown:
            row |= measure.distinctive_gap(model, self.forget, self.shown)
        if self.s.states_picture:
            row["separation_auc"] = measure.separation(model, self.forget, self.retain, seed=self.s.seed)
        return row

    def rows(self, model: nn.Module, state: str) -> list[Row]:
        found: list[Row] = []
        if self.shown:
            found += measure.token_rows(model, self.forget, self.shown, measure.picked(self.shown))
        if self.s.states_picture:
            found += measure.point_rows(model, self.forget, self.retain, seed=self.s.seed)
        return [{**row, "state": state} for row in found]


@functools.cache
def _common_words() -> frozenset[str]:
    from r2u_rec.language.masking import common_words
    from r2u_rec.language.texts import load_texts

    return common_words(text for name in COMMON_WORDS_FROM for text in load_texts(name).text)
