"""Recommender: a model that is trained, asked, made to forget, measured and kept, by the caller's own keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from r2u_rec.api.choices import MethodChoice, PrepareChoice, with_choice
from r2u_rec.config.plan import Plan
from r2u_rec.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

    from r2u_rec.api.request import ForgetRequest
    from r2u_rec.api.training import Trained
    from r2u_rec.data.log import InteractionLog

NOT_FITTED = "this model is not trained yet: call fit(log) first"


class Recommender:
    """A recommender. Made by a constructor such as `r2u.MF`, by `r2u.load`, or from a model of another library.

    It is trained on everyone in the log that `fit` is given; holding users out to measure by is a matter of `r2u.audit`.

    Attributes:
        plan: which model, how it is trained, and how it forgets.
        prepare: how it is prepared for erasure; None is plain training.
    """

    def __init__(
        self, plan: Plan, *, prepare: PrepareChoice | None = None, calibration_share: float = 0.0, progress: bool | None = None
    ) -> None:
        if not 0 <= calibration_share < 1:
            raise SettingsError(f"calibration_share must lie in [0, 1), got {calibration_share}: 0 trains on everyone")
        self.plan, self.prepare = plan, prepare
        self.calibration_share, self.progress = calibration_share, progress
        self._trained: Trained | None = None

    @property
    def is_fitted(self) -> bool:
        """Whether the model is trained."""
        return self._trained is not None

    @property
    def trained(self) -> Trained:
        """What training left: the torch model, its records, and the method's memory. SettingsError before `fit`."""
        if self._trained is None:
            raise SettingsError(NOT_FITTED)
        return self._trained

    @property
    def log(self) -> InteractionLog:
        """The interactions that the model stands on; SettingsError before `fit`."""
        log: InteractionLog = self.trained.fitted.records
        return log

    def fit(self, log: InteractionLog, *, validation: InteractionLog | None = None) -> Self:
        """Trains this model on everyone in `log` and returns it. A second call trains it anew.

        Users are kept out only where `calibration_share` asks for it.

        Args:
            log: from `r2u.read_interactions`, `r2u.load_dataset` or `r2u.split`.
            validation: by whose NDCG@20 a training is watched, every `validate_every` epochs, to stop early where `patience` says so. Users
                who may withdraw are not measured, so that nothing that is chosen depends on their data.

        Raises:
            DataError: the log is empty; a revocable user is unknown.
            SettingsError: the length of an edit is to be set by calibration users, and there are none; `patience` without `validation`;
                other settings that do not fit.
        """
        from r2u_rec.api.training import train

        if self.plan.loop.get("patience") is not None and validation is None:
            raise SettingsError("patience stops a training by its validation quality, and there is none: pass fit(log, validation=...)")
        self._trained = train(
            self.plan,
            log,
            prepare=self.prepare,
            calibration_share=self.calibration_share,
            validation=validation,
            progress=self.progress,
        )
        return self

    def recommend(self, users: Iterable[Any], k: int = 10) -> pd.DataFrame:
        """Returns the `k` best items of each user that the user does not have yet.

        Args:
            users: keys, in any number; a user without current interactions, erased ones among them, gets the most popular items.
            k: items a user; fewer come back when fewer are left.

        Returns:
            A frame with one row an item, users in their order and best items first: user, item, score, rank (from 1), source ("model",
            or "popularity", whose score is the number of interactions).
        """
        from r2u_rec.api.answers import recommendations

        return recommendations(self.trained.fitted, users, k)

    def similar_items(self, items: Iterable[Any], k: int = 10) -> pd.DataFrame:
        """Returns the `k` items most similar to each item: a frame of item, similar_item, score, rank (from 1).

        The score is the cosine of item vectors where the model has them, else the model's score for someone who has the item alone.

        Raises:
            DataError: an item is unknown. CapabilityError: the model has no vectors and scores no histories.
        """
        from r2u_rec.api.answers import similar_items

        return similar_items(self.trained.fitted, items, k)

    def evaluate(
        self, test: InteractionLog, metrics: Sequence[str] = ("ndcg@20", "recall@20"), *, mask: InteractionLog | None = None
    ) -> dict[str, float]:
        """Returns metric -> mean over the users with interactions in training and in `test`; full ranking over all items.

        Args:
            test: what is to be found; its users and items are matched by key.
            metrics: of ndcg, recall, mrr, hit and precision, each with a cut-off.
            mask: interactions whose items are left out of a user's list beside those of training, such as the validation part.

        Raises:
            SettingsError: an unknown metric, the nearest is suggested; a cut-off above the number of items.
            DataError: nobody in `test` was trained on.
        """
        from r2u_rec.api.answers import quality

        return quality(self.trained.fitted, test, metrics, mask)

    @overload
    def forget(
        self,
        *,
        users: Iterable[Any] | None = None,
        interactions: Any = None,
        items: Iterable[Any] | None = None,
        category: tuple[str, ...] | None = None,
        window: tuple[Any, Any] | None = None,
        method: str | MethodChoice | None = None,
        allow_small_batch: bool = False,
        smallest_batch: int = 20,
        deadline_days: float = 30.0,
        dry_run: Literal[True],
    ) -> ForgetRequest: ...
    @overload
    def forget(
        self,
        *,
        users: Iterable[Any] | None = None,
        interactions: Any = None,
        items: Iterable[Any] | None = None,
        category: tuple[str, ...] | None = None,
        window: tuple[Any, Any] | None = None,
        method: str | MethodChoice | None = None,
        allow_small_batch: bool = False,
        smallest_batch: int = 20,
        deadline_days: float = 30.0,
        dry_run: Literal[False] = False,
    ) -> Self: ...

    def forget(
        self,
        *,
        users: Iterable[Any] | None = None,
        interactions: Any = None,
        items: Iterable[Any] | None = None,
        category: tuple[str, ...] | None = None,
        window: tuple[Any, Any] | None = None,
        method: str | MethodChoice | None = None,
        allow_small_batch: bool = False,
        smallest_batch: int = 20,
        deadline_days: float = 30.0,
        dry_run: bool = False,
    ) -> Self | ForgetRequest:
        """Returns a new model that has forgotten what is named; this one is untouched, and should be deleted.

        Exactly one of the first five says what: keys are compared as they were given, and a request either concerns exactly the
        interactions that it names or is refused.

        Args:
            users: keys; all their interactions.
            interactions: pairs (user, item), or a frame with these columns; every record of a pair.
            items: keys; everybody's interactions with them.
            category: (column, value) of the item information; everybody's interactions with items of that entry.
            window: (start, end), start <= time < end: dates, their text, or seconds since 1970-01-01 UTC; None leaves a side open.
            method: a name or `r2u.Method(name, ...)`; None is the model's own. "retrain" trains again on what remains.
            allow_small_batch: forget fewer than `smallest_batch` users at once, knowing that whoever holds the model from before and
                the one from after can read off what so few had.
            smallest_batch: users behind the interactions.
            deadline_days: from a request to its legal deadline; a refusal says until when a batch may be collected.
            dry_run: forget nothing; return the request as it was understood.

        Raises:
            DataError: a key or pair is unknown; nothing is there to forget.
            SettingsError: none or several kinds are named; the batch is too small: the message is the plan; the method does not fit.
        """
        request = self._understood(users, interactions, items, category, window)
        chosen = with_choice(self.plan, method)
        if dry_run:
            return request
        after = self._copy()
        after._keep(self._without(request, chosen, smallest_batch, deadline_days, allow_small_batch))
        return after

    def forget_(
        self,
        *,
        users: Iterable[Any] | None = None,
        interactions: Any = None,
        items: Iterable[Any] | None = None,
        category: tuple[str, ...] | None = None,
        window: tuple[Any, Any] | None = None,
        method: str | MethodChoice | None = None,
        allow_small_batch: bool = False,
        smallest_batch: int = 20,
        deadline_days: float = 30.0,
    ) -> Self:
        """Forgets in this model and returns it; arguments and errors are those of `forget`. After an error it is as before."""
        request = self._understood(users, interactions, items, category, window)
        chosen = with_choice(self.plan, method)
        self._keep(self._without(request, chosen, smallest_batch, deadline_days, allow_small_batch))
        return self

    def save(self, folder: str | PathLike[str]) -> None:
        """Writes the model, its records and what it needs to forget into a folder of its own, whole or not at all.

        Raises:
            DataError: the folder is there already and not empty; SettingsError: the model is not trained.
        """
        from r2u_rec.api.saving import save

        save(self, folder)

    def __repr__(self) -> str:
        settings = [f"{name}={value!r}" for name, value in self._changed().items()]
        state = "not trained"
        if self._trained is not None:
            log = self.log
            n_users, n_items = int((log.user_counts > 0).sum()), int((log.item_counts > 0).sum())
            state = f"{n_users} users, {n_items} items, {len(log)} interactions"
        return f"<{self.plan.spec.class_name}({', '.join(settings)}): {state}>"

    def _changed(self) -> Mapping[str, Any]:
        """Returns the model's settings that are not its defaults, and how it is prepared and forgets where that was said."""
        default = self.plan.spec.settings()
        found = {name: value for name, value in vars(self.plan.model).items() if getattr(default, name) != value}
        usual = self.plan.spec.training or {}
        found |= {name: value for name, value in self.plan.loop.items() if name in usual and usual[name] != value}
        if self.prepare is not None:
            found["prepare"] = self.prepare
        if self.plan.method.name != self.plan.spec.method:
            found["method"] = self.plan.method.name
        return found

    def _copy(self) -> Self:
        return type(self)(self.plan, prepare=self.prepare, calibration_share=self.calibration_share, progress=self.progress)

    def _keep(self, trained: Trained) -> None:
        """Stands on what is left; no key of who has gone stays in how the model is prepared."""
        self._trained = trained
        self.prepare = None if self.prepare is None else self.prepare.among(trained.fitted.records)

    def _understood(self, users: Any, interactions: Any, items: Any, category: Any, window: Any) -> ForgetRequest:
        from r2u_rec.api.request import understood

        asked = {"users": users, "interactions": interactions, "items": items, "category": category, "window": window}
        return understood(self.log, asked)

    def _without(self, request: ForgetRequest, chosen: Plan, smallest_batch: int, deadline_days: float, allow_small_batch: bool) -> Trained:
        from r2u_rec.api.request import refuse_small_batch
        from r2u_rec.api.training import forget

        refuse_small_batch(request, smallest_batch=smallest_batch, deadline_days=deadline_days, allow_small_batch=allow_small_batch)
        return forget(self.plan, self.trained, request.ids, chosen=chosen, progress=self.progress)
