"""Ready2Unlearn, Algorithm 1: a training step that looks ahead to the unlearning that may come.

Notation of the paper: theta the parameters, x_f, x_r, x_rc, x the samples of revocable, stable, recovery and all
records, g0 to g3 the gradients, alpha the inner rate, lambda1 to lambda3 the weights.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from r2u_rec.core.prepare.adaptive import Adaptive
from r2u_rec.core.prepare.bounds import bound_is_inactive, bounded
from r2u_rec.core.prepare.direction import displaced_names, shaped
from r2u_rec.core.prepare.displaced import displaced
from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.protocols import B, Concatenates, HasChanceLoss, SharesWork, Split, Task
from r2u_rec.core.state import digest
from r2u_rec.core.step import StepInput, Terms, member, objective
from r2u_rec.core.strategies import standard
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.ids import Ids


class Ready2Unlearn:
    """The step of Algorithm 1 in prepared steps, and the standard step in all others.

    It keeps only the adaptive scale of its forward-looking weights, when a schedule is given, and the validation value that led to it.
    Each instance copies the given schedule, so that one fit does not influence the next.

    Args:
        split: revocable, stable and recovery ids, restricted to the records trained on.
        preparation: the settings.
        adaptive: scales lambda0, lambda1 and lambda2 so that the validation value stays above a floor.

    Source: Ready2Unlearn, Algorithm 1 and equation 1. Deviations, all of them options: the bound and the delta form of
        -L_f, the geometry and the extent of the inner step, simulated requests as x_f.
    """

    def __init__(self, split: Split, preparation: Preparation, adaptive: Adaptive | None = None) -> None:
        for name, ids, needed in (
            ("forget", split.forget, True),
            ("retain", split.retain, (preparation.lambda1 > 0 and preparation.request is None) or preparation.balanced),
            ("recovery", split.recovery, preparation.lambda2 > 0),
        ):
            if needed and len(ids) == 0:
                raise SettingsError(f"split.{name} is empty, and Ready2Unlearn draws from it: choose records for it or set its weight to 0")
        self.split, self.preparation = split, preparation
        self.adaptive = None if adaptive is None else replace(adaptive)
        self._prepared = False  # since the last validation value

    def __call__(self, s: StepInput) -> Terms:
        p = self.preparation
        if not p.prepares(s.epoch, s.n_epochs, s.index):
            return standard(s)
        self._prepared = True
        p.refuse_divergence(len(self.split.forget) / len(s.records))
        scale = (1.0 if self.adaptive is None else self.adaptive.scale) * p.grown(s.epoch, s.n_epochs, s.index, s.n_steps)
        request, x_f, x_r, x_rc, x = self._draw(s)  # lines 4 and 9
        weigh = len(request) / len(s.records) if p.share_weighted else 1.0
        total = p.lambda1 * scale + p.lambda2 * scale + p.lambda3 if p.normalised_weights else 1.0
        weights = Weights(p.lambda0 * scale * weigh / total, p.lambda1 * scale / total, p.lambda2 * scale / total, p.lambda3 / total)
        alpha = p.length * (len(request) if p.alpha_unit == "record" else 1)
        level = p.bound_level
        if p.bound == "chance" and level is None:
            if not isinstance(s.task, HasChanceLoss):
                raise CapabilityError("bound='chance' needs a task with chance(records), this one has none: give bound_level")
            level = s.task.chance(s.records)
        algorithm = first_order if p.order == 1 else second_order
        return algorithm(s, Samples(x_f, x_r, x_rc, x), weights, alpha, p, level)

    def _draw(self, s: StepInput) -> tuple[Ids, Ids, Ids, Ids, Ids]:
        p, rng = self.preparation, s.rng
        request = self.split.forget if p.request is None else p.request(rng)
        if len(request) == 0:
            raise SettingsError("the simulated request holds 0 records: let request(rng) return the ids of at least one")
        x_f = request if p.n_forget is None else _sample(request, p.n_forget, rng)
        if p.request is None:
            x_r = _sample(self.split.retain, p.n_retain, rng) if p.lambda1 > 0 else _nothing()
            request = x_f
        else:
            x_r = _sample_outside(s.records.ids, request, p.n_retain, rng) if p.lambda1 > 0 else _nothing()
        x_rc = _sample(self.split.recovery, p.n_recovery, rng) if p.lambda2 > 0 else _nothing()
        x = s.ids
        if p.balanced:
            half = len(x) // 2
            x = np.concatenate([_sample(self.split.forget, half, rng), _sample(self.split.retain, len(x) - half, rng)])
        return request, x_f, x_r, x_rc, x

    def observe(self, value: float) -> None:
        """Receives a validation value (higher is better)."""
        if self.adaptive is not None:
            self.adaptive.observe(value, self._prepared)
        self._prepared = False

    def state_dict(self) -> dict[str, Any]:
        """Returns the adaptive scale, the value that led to it, and a fingerprint of the settings."""
        a = self.adaptive
        observed = {"scale": 1.0, "best": None} if a is None else {"scale": a.scale, "best": a.best}
        return {"mark": self._mark(), "prepared": self._prepared, **observed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores the scale; SettingsError when it belongs to another split or other settings."""
        if state["mark"] != self._mark():
            raise SettingsError(
                "the checkpoint belongs to another split or preparation: delete it, or repeat the settings it was made with"
            )
        self._prepared = bool(state["prepared"])
        if self.adaptive is not None:
            self.adaptive.scale, self.adaptive.best = float(state["scale"]), state["best"]

    def _mark(self) -> str:
        preparation = replace(self.preparation, request=None, n_forget=self.preparation.n_forget or 1)  # a function has no lasting name
        adaptive = None if self.adaptive is None else replace(self.adaptive, scale=1.0, best=None)
        whole = self.preparation.n_forget is None
        return digest(self.split.forget, self.split.retain, self.split.recovery, preparation, whole, adaptive)


class Weights(NamedTuple):
    """lambda0 to lambda3 as the step uses them."""

    l0: float
    l1: float
    l2: float
    l3: float


class Samples(NamedTuple):
    """The records of x_f, x_r, x_rc and x; a sample whose weight is 0 is empty."""

    x_f: Ids
    x_r: Ids
    x_rc: Ids
    x: Ids


def first_order(s: StepInput, samples: Samples, w: Weights, alpha: float, p: Preparation, level: float | None) -> Terms:
    """Adds the first-order gradients of Algorithm 1 to `.grad`: g0 to g2 in one forward and one backward pass, x and x_f before.

    The gradients g0, g1, g2 are taken at the displaced point and applied at theta.
    """
    x_f, x_r, x_rc, x = samples
    batch_f = s.batch(x_f)
    at_theta = [(batch_f, len(x_f)), (s.batch(x), len(x))]
    if alpha == 0 or (isinstance(s.task, SharesWork) and s.task.shares_work(s.model)):
        (losses_f, _), (_, values_x) = _forward(s.task, s.model, at_theta)
    else:  # apart: the inner gradient would run back through all of x as well, with zeros
        (losses_f, _), (_, values_x) = (objective(s.task, s.model, batch) for batch, _ in at_theta)
    names = displaced_names(s.model, p.displace)
    parameters = dict(s.model.named_parameters())
    ascent: dict[str, Tensor] = {}
    if alpha > 0:  # line 5: the ascent of L_f
        found = torch.autograd.grad(losses_f.mean(), [parameters[n] for n in names], retain_graph=True, allow_unused=True)
        ascent = {n: g for n, g in zip(names, found, strict=True) if g is not None}
    current = w.l3 * values_x.mean()  # line 10: g3, at theta
    known = p.delta and alpha > 0 and p.displace is None and bound_is_inactive(losses_f, p.bound, level)
    if p.delta and not known:
        current = current + w.l0 * bounded(losses_f, p.bound, level).mean()
    current.backward()  # type: ignore[no-untyped-call]
    if known:  # the delta form wants the very gradient that line 5 has taken
        for name, g in ascent.items():
            before = parameters[name].grad
            parameters[name].grad = w.l0 * g if before is None else before + w.l0 * g
    direction = shaped(ascent, p.geometry, s.rng)
    with displaced(s.model) as here:  # theta hat
        here.move(direction, alpha)
        parts = [(batch_f, len(x_f)), *((s.batch(ids), len(ids)) for ids in (x_r, x_rc) if len(ids))]
        at_hat = _forward(s.task, s.model, parts)
        future = -w.l0 * bounded(at_hat[0][0], p.bound, level).mean()  # line 6: g0
        for weight, (_, values) in zip([each for each, ids in ((w.l1, x_r), (w.l2, x_rc)) if len(ids)], at_hat[1:], strict=True):
            future = future + weight * values.mean()  # lines 7 and 8: g1, g2
        future.backward()  # type: ignore[no-untyped-call]
    return _terms(values_x, losses_f, at_hat[0][0], future)


def second_order(s: StepInput, samples: Samples, w: Weights, alpha: float, p: Preparation, level: float | None) -> Terms:
    """Adds the exact gradient of equation 1 to `.grad`, through the inner step.

    Raises:
        CapabilityError: the model's gradients are sparse, through which torch cannot differentiate twice.
    """
    x_f, x_r, x_rc, x = samples
    whole = _Objective(s.task, s.model)
    theta = dict(whole.named_parameters())
    names = [f"model.{n}" for n in displaced_names(s.model, p.displace)]
    batch_f = s.batch(x_f)
    losses_f, _ = whole(batch_f)
    _, values_x = whole(s.batch(x))
    ascent = torch.autograd.grad(losses_f.mean(), [theta[n] for n in names], create_graph=True, allow_unused=True)
    gradient = {n: g for n, g in zip(names, ascent, strict=True) if g is not None}
    if any(g.is_sparse for g in gradient.values()):
        raise CapabilityError(
            "order=2 differentiates through the inner step, which sparse gradients do not allow: build the model with sparse=False"
        )
    hat = {**theta, **{n: theta[n] + alpha * d for n, d in shaped(gradient, p.geometry, s.rng).items()}}
    buffers = {n: b.clone() for n, b in whole.named_buffers()}

    def at_hat(batch: object) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = functional_call(whole, (hat, buffers), (batch,))
        return result

    hat_f, _ = at_hat(batch_f)
    future = -w.l0 * bounded(hat_f, p.bound, level).mean()
    for weight, ids in ((w.l1, x_r), (w.l2, x_rc)):
        if len(ids):
            future = future + weight * at_hat(s.batch(ids))[1].mean()
    total = future + w.l3 * values_x.mean()
    if p.delta:
        total = total + w.l0 * bounded(losses_f, p.bound, level).mean()
    total.backward()
    return _terms(values_x, losses_f, hat_f, future)


class _Objective(nn.Module):
    """The task's objective as a module, so that `functional_call` can evaluate it at any parameters."""

    def __init__(self, task: Task, model: nn.Module) -> None:
        super().__init__()
        self.task, self.model = task, model

    def forward(self, batch: object) -> tuple[Tensor, Tensor]:
        return objective(self.task, self.model, batch)


def _forward(task: Task[Any, B], model: nn.Module, parts: list[tuple[B, int]]) -> list[tuple[Tensor, Tensor]]:
    """Returns losses and values of each batch, from one pass over them all where the task can join batches."""
    if not isinstance(task, Concatenates):
        return [objective(task, model, batch) for batch, _ in parts]
    sizes = [n for _, n in parts]
    losses, values = objective(task, model, task.concatenate([batch for batch, _ in parts]))
    return list(zip(torch.split(losses, sizes), torch.split(values, sizes), strict=True))


def _terms(values_x: Tensor, losses_f: Tensor, hat_f: Tensor, future: Tensor) -> Terms:
    return {
        "loss": values_x.detach().mean(),
        "forget": losses_f.detach().mean(),
        "forget_displaced": hat_f.detach().mean(),
        "future": future.detach(),
    }


def _nothing() -> Ids:
    return np.empty(0, dtype=np.int64)


def _sample(ids: Ids, n: int, rng: np.random.Generator) -> Ids:
    """Returns n of `ids` without replacement, all of them when there are fewer."""
    return ids if n >= len(ids) else ids[rng.choice(len(ids), size=n, replace=False, shuffle=False)]


def _sample_outside(ids: Ids, without: Ids, n: int, rng: np.random.Generator) -> Ids:
    """Returns about n of `ids` that are not in `without`; drawn with replacement, so that the cost is that of the sample."""
    share = 1 - len(without) / len(ids)
    if share <= 0:
        raise SettingsError("the simulated request takes every record, nothing is left to retain: let it take fewer")
    drawn = ids[rng.integers(0, len(ids), size=int(np.ceil(n / share * 1.1)) + 4)]
    return drawn[~member(drawn, without)][:n]
