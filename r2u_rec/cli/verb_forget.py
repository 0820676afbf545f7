"""r2u forget: users, interactions, items or a window of time leave a trained model; the old run folder is not touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from r2u_rec.cli.command import Command
from r2u_rec.cli.runs import folder_for, keys_of, pairs_of, refuse_changed
from r2u_rec.config.errors import UsageError
from r2u_rec.config.parse import Given
from r2u_rec.errors import SettingsError

if TYPE_CHECKING:
    from r2u_rec.api.request import ForgetRequest

KINDS = ("users", "users_file", "interactions_file", "items", "category", "window")


def run(argv: Sequence[str]) -> int:
    """Forgets a batch and writes a new run folder, whole or not at all; says beforehand what it understood."""
    command = Command(
        "forget",
        "Erases users, interactions, items, a category or a window of time from a model, into a new run folder.",
        ("forget",),
        True,
    )
    add = command.parser.add_argument
    add("--users", metavar="KEY,KEY", help="who is erased, forget.smallest_batch or more together")
    add("--users_file", metavar="FILE", help="the same, one key a line")
    add("--interactions_file", metavar="FILE", help="single interactions: a CSV with columns user and item")
    add("--items", metavar="KEY,KEY", help="everybody's interactions with these items")
    add("--category", metavar="COLUMN=VALUE", help="everybody's interactions with items of this entry of the item information")
    add("--window", metavar="START,END", help="everybody's interactions with START <= time < END, dates or seconds")
    add("--dry_run", action="store_true", help="say what the request means, and forget nothing")
    add("--out", metavar="FOLDER", help="the new run folder; by default runs/forget-<date and time>")
    given = command.parse(argv)
    asked = _asked(given)
    refuse_changed(given, ("data", "model", "training", "prepare", "revocability"), "forget")
    s, out = given.settings, folder_for(given.options.out, "forget")
    chosen = s.plan()

    from r2u_rec.api.runs import read_run, write_forgotten
    from r2u_rec.cli.verb_recommend import shown
    from r2u_rec.evaluate.cost import measured

    assert given.run is not None
    model, _ = read_run(given.run)
    model.plan = replace(model.plan, seed=s.seed)  # references are the same request, carried out by retraining with other seeds
    request = model.forget(**asked, dry_run=True)
    first, last = shown(request.first_user), shown(request.last_user)
    print(
        f"{request.n_interactions} interactions of {request.n_users} users, first {first}, last {last}; {request.n_left} stay", flush=True
    )
    small: dict[str, Any] = {"smallest_batch": s.forget.smallest_batch, "deadline_days": s.forget.deadline_days}
    if given.options.dry_run:
        print(_advice(request, small) or "this request can be carried out")
        print("nothing was forgotten (--dry_run)")
        return 0
    if advice := _advice(request, small):
        raise SettingsError(advice)

    from r2u_rec.api.choices import MethodChoice

    how = MethodChoice(chosen.method.name, **vars(chosen.method_settings))
    after, cost = measured(lambda: model.forget(**asked, method=how, **small))
    write_forgotten(after, s, given.run, out, request.ids)
    kind = "exact: equal to a model that never saw them" if chosen.method.exact else "approximate: measure it with r2u evaluate"
    print(f"forgot them in {cost.seconds:.2f} s by {chosen.method.name} ({kind})")
    print(f"run folder: {out}; {given.run} still holds them: remove it once the new one serves")
    return 0


def _advice(request: ForgetRequest, small: dict[str, Any]) -> str:
    """Returns what to do with a request of too few users, in the words of the command line; empty for one that is large enough."""
    from r2u_rec.api.request import refuse_small_batch

    try:
        refuse_small_batch(request, **small, allow_small_batch=False)
    except SettingsError as error:
        text = str(error).replace("method='retrain' with allow_small_batch=True", "--forget.method retrain --forget.smallest_batch 1")
        return text.replace("allow_small_batch=True", "--forget.smallest_batch 1").replace("smallest_batch=", "forget.smallest_batch=")
    return ""


def _asked(given: Given) -> dict[str, Any]:
    """Returns the arguments of `Recommender.forget` that the flags say.

    Raises:
        UsageError: none or several kinds are named, or one cannot be read.
    """
    o = given.options
    named = [kind for kind in KINDS if getattr(o, kind) is not None]
    if set(named) <= {"users", "users_file"}:
        return {"users": keys_of(o.users, o.users_file)}
    if len(named) > 1:
        raise UsageError(f"--{named[0]} and --{named[1]} are two requests: make them one after the other")
    if o.interactions_file is not None:
        return {"interactions": pairs_of(o.interactions_file)}
    if o.items is not None:
        return {"items": [key for key in o.items.split(",") if key]}
    text, mark = (o.category, "=") if o.category is not None else (o.window, ",")
    one, found, other = text.partition(mark)
    if not found:
        raise UsageError(
            "--category takes COLUMN=VALUE" if mark == "=" else "--window takes START,END; leave one side empty to leave it open"
        )
    return {"category": (one, other)} if mark == "=" else {"window": tuple(_side(side.strip()) for side in (one, other))}


def _side(text: str) -> str | int | None:
    return None if not text else int(text) if text.lstrip("-").isdecimal() else text
