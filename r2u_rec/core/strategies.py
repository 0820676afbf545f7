"""Ways to train that differ only in their step: standard, re-weighted, phased, isolated."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

import torch

from r2u_rec.core.step import Step, StepInput, Terms, member, objective
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids


def standard(s: StepInput) -> Terms:
    """The ordinary step: the mean objective of the batch."""
    _, values = objective(s.task, s.model, s.batch(s.ids))
    loss = values.mean()
    loss.backward()  # type: ignore[no-untyped-call]
    return {"loss": loss.detach()}


def reweighted(forget: Ids, weight: float) -> Step:
    """Returns the step in which revocable records count `weight`, the others 1; the batch mean is over the records.

    Raises:
        SettingsError: weight outside [0, 1].
    """
    if not 0 <= weight <= 1:
        raise SettingsError(f"weight of revocable records must lie in [0, 1], got {weight}")

    def step(s: StepInput) -> Terms:
        _, values = objective(s.task, s.model, s.batch(s.ids))
        weights = torch.where(torch.from_numpy(member(s.ids, forget)), weight, 1.0).to(values)
        if len(values) != len(s.ids):
            raise SettingsError(f"re-weighting needs one loss a record, got {len(values)} losses for {len(s.ids)} records")
        loss = (weights * values).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return {"loss": loss.detach()}

    return step


def phased(forget: Ids, share: float = 0.5) -> Step:
    """Returns the step that sees all records in the first `share` of the epochs and only stable ones after.

    Raises:
        SettingsError: share outside (0, 1).
    """
    if not 0 < share < 1:
        raise SettingsError(f"share of the epochs with all records must lie in (0, 1), got {share}")

    def step(s: StepInput) -> Terms:
        ids = s.ids
        if s.epoch >= share * s.n_epochs:
            ids = ids[~member(ids, forget)]
        if len(ids) == 0:
            return {"loss": torch.zeros(())}
        _, values = objective(s.task, s.model, s.batch(ids))
        if len(values) != len(ids):
            raise SettingsError(f"phased training needs one loss a record, got {len(values)} losses for {len(ids)} records")
        loss = values.sum() / len(s.ids)  # a record weighs the same in both phases
        loss.backward()  # type: ignore[no-untyped-call]
        return {"loss": loss.detach()}

    return step


def isolated(forget: Ids, shared: Sequence[str]) -> Step:
    """Returns the step in which revocable records never write the parameters `shared` (shell patterns of names).

    What revocable records own alone (their own rows) still learns from them; what everyone is served from does not. Each
    kind of record has a forward pass of its own: in a joint one the rows that revocable records meet would appear in
    the gradient with the value zero, and an optimiser with momentum would move them. A model that passes messages between
    records (a graph) isolates parameters, not what it computes from them.
    """

    def step(s: StepInput) -> Terms:
        revocable = member(s.ids, forget)
        own = [p for name, p in s.model.named_parameters() if not any(fnmatch.fnmatchcase(name, pattern) for pattern in shared)]
        if len(own) == sum(1 for _ in s.model.parameters()):
            names = [name for name, _ in s.model.named_parameters()]
            raise SettingsError(f"shared={list(shared)} matches no parameter: name some of {names}")
        total = torch.zeros((), device=s.device)
        for ids, writes in ((s.ids[~revocable], None), (s.ids[revocable], [p for p in own if p.requires_grad])):
            if len(ids) == 0:
                continue
            _, values = objective(s.task, s.model, s.batch(ids))
            loss = values.mean() * (len(ids) / len(s.ids))  # a record weighs what it weighs in a standard step
            if writes is None or writes:
                loss.backward(inputs=writes)  # type: ignore[no-untyped-call]
            total = total + loss.detach()
        return {"loss": total}

    return step
