"""Policies: when requests of erasure are carried out, by what, and how often the model is trained again besides."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from r2u_rec.errors import SettingsError
from r2u_rec.suggest import unknown

DAY = 86_400
SHORTEST_MONTH_DAYS = 28
AUTO, NONE, RETRAIN, REPREPARE = "auto", "none", "retrain", "reprepare"


@dataclass(frozen=True)
class Policy:
    """When requests are carried out, by which operator, and when the model is trained again.

    Whatever the rule, nothing is left waiting later than `margin_days` before it is due: a batch is carried out early then.
    Whatever is carried out takes everything that waits.

    Attributes:
        name: of the policy in tables.
        operator: key of the methods at hand; "auto" lets the modelled cost decide, "retrain" always trains again, "none" never erases.
        trained: the way of training that its model starts from and is trained again by; a name that the caller gives a meaning.
        batch: requests are carried out when those of so many users wait; a request of no single user counts as one user.
        every_days: they are carried out at these regular times only, counted from the start, if those of `batch` users wait.
        by_deadline: they wait until the first is `margin_days` from its due time.
        margin_days: days before the due time after which nothing is left waiting.
        warn_days: a request that still waits so few days before its due time counts as warned.
        retrain_every_days: the model is trained again at these regular times; new interactions and people who came back enter.
        reprepare_every_days: likewise, by the prepared way of training, whose effect wears off.
        drift_budget: share of the trained records that may be erased approximately before the model is trained again.
        among: for "auto", the one operator that it may choose beside training again; None: any of the methods at hand.

    Raises:
        SettingsError: a value is out of bounds, or two rules exclude each other.
    """

    name: str
    operator: str = AUTO
    trained: str = "standard"
    batch: int = 1
    every_days: float | None = None
    by_deadline: bool = False
    margin_days: float = 3.0
    warn_days: float = 7.0
    retrain_every_days: float | None = None
    reprepare_every_days: float | None = None
    drift_budget: float | None = None
    among: str | None = None

    def __post_init__(self) -> None:
        for name in ("name", "operator", "trained"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise SettingsError(f"{name} of a policy must be text, got {getattr(self, name)!r}: give it a name")
        if self.among is not None and (self.operator != AUTO or self.among in (AUTO, NONE, RETRAIN, REPREPARE)):
            raise SettingsError(
                f'among names the operator that operator="auto" may choose beside training again, got among={self.among!r} with '
                f"operator={self.operator!r}: leave it out, or name an operator that edits"
            )
        if isinstance(self.batch, bool) or not isinstance(self.batch, int) or self.batch < 1:
            raise SettingsError(f"batch must be a whole number >= 1, got {self.batch!r}: 1 carries out every request at once")
        for name in ("every_days", "retrain_every_days", "reprepare_every_days"):
            days = getattr(self, name)
            if days is not None and not (math.isfinite(days) and days * DAY >= 1):
                raise SettingsError(f"{name} must be a number of days, at least one second, or None, got {days}: 7 is weekly")
        for name in ("margin_days", "warn_days"):
            if not 0 <= getattr(self, name) < SHORTEST_MONTH_DAYS:
                raise SettingsError(
                    f"{name} must lie in [0, {SHORTEST_MONTH_DAYS}), got {getattr(self, name)}: a request is due one month after receipt, "
                    "and the shortest month has 28 days"
                )
        if self.drift_budget is not None and not 0 <= self.drift_budget <= 1:
            raise SettingsError(f"drift_budget must be a share in [0, 1] or None for no limit, got {self.drift_budget}")
        if self.by_deadline and (self.every_days is not None or self.batch > 1):
            other = f"every_days={self.every_days:g}" if self.every_days is not None else f"batch={self.batch}"
            raise SettingsError(f"by_deadline=True waits for the due time alone, got {other} beside it: leave one of them out")
        if self.operator == NONE and (self.by_deadline or self.every_days is not None or self.batch > 1):
            raise SettingsError('operator="none" never erases, so that batch, every_days and by_deadline have no use: leave them out')

    def describe(self) -> str:
        """Returns the policy in one sentence."""
        if self.operator == NONE:
            parts = ["never erases anything"]
        else:
            how = {
                AUTO: f"by {self.among} or by training again, as the cost model finds best"
                if self.among
                else "by whatever the cost model finds best",
                RETRAIN: "by training again",
            }.get(self.operator, f"by {self.operator}")
            safety = f"but nothing is left waiting later than {_days(self.margin_days)} before it is due"
            if self.by_deadline:
                when = f"all together when the first is {_days(self.margin_days)} from its due time"
            elif self.every_days is not None:
                enough = f" if those of {self.batch} users wait" if self.batch > 1 else ""
                when = f"every {_days(self.every_days)}{enough}, {safety}"
            else:
                when = "at once" if self.batch == 1 else f"when those of {self.batch} users wait, {safety}"
            parts = [f"erases {how}, {when}"]
        if self.retrain_every_days is not None:
            parts.append(f"trains again every {_days(self.retrain_every_days)}")
        if self.reprepare_every_days is not None:
            parts.append(f"prepares again every {_days(self.reprepare_every_days)}")
        if self.drift_budget is not None and self.operator not in (NONE, RETRAIN):
            parts.append(f"trains again before more than {self.drift_budget:.3g} of the trained records was erased approximately")
        return f"{self.name}: starts from {self.trained} training; {'; '.join(parts)}."


READY: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy("at once"),
        Policy("batches", batch=20),
        Policy("weekly", every_days=7.0),
        Policy("by deadline", by_deadline=True),
        Policy("never", operator=NONE),
        Policy("always retrain", operator=RETRAIN),
        Policy("auto", batch=20, drift_budget=0.2),
    )
}
"""Policies to start from: 20 users a batch is where two snapshots of the model tell less, .2 the largest share erased in measurements."""


def ready(name: str, /, **changes: Any) -> Policy:
    """Returns the ready policy `name` with `changes` to its fields.

    Raises:
        SettingsError: there is no such policy, or no such field; or the changed policy is refused.
    """
    if name not in READY:
        raise SettingsError(unknown("ready policy", name, READY))
    fields = list(Policy.__dataclass_fields__)
    for field in changes:
        if field not in fields:
            raise SettingsError(unknown("field of a policy", field, fields))
    return replace(READY[name], **changes)


def _days(days: float) -> str:
    return f"{days:g} {'day' if days == 1 else 'days'}"
