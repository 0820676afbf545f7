"""Policies as words in a settings file: "newton every_days=7 retrain_every_days=90", and modelled costs as sums of seconds."""

from __future__ import annotations

import types
from dataclasses import fields
from typing import Any, Union, get_args, get_origin, get_type_hints

from r2u_rec.errors import SettingsError
from r2u_rec.registry.tables import ARMS, METHODS
from r2u_rec.simulation.cost_model import OperatorCost
from r2u_rec.simulation.policies import AUTO, NONE, RETRAIN, Policy
from r2u_rec.suggest import suggest, unknown

NEVER = "never"


def operators() -> tuple[str, ...]:
    """Returns what a policy may begin with: never, auto, or a method."""
    return (NEVER, AUTO, *METHODS)


def among() -> tuple[str, ...]:
    """Returns what auto may choose beside training again."""
    return tuple(name for name in METHODS if name != RETRAIN)


def policy_of(text: str) -> Policy:
    """Returns the policy that the words name: an operator, then FIELD=VALUE, or FIELD alone for one that is true or false.

    Raises:
        SettingsError: an unknown operator, field or way of training, or a value of the wrong type.
    """
    words = text.split()
    if not words:
        raise SettingsError(f"a policy must begin with one of {', '.join(operators())}, got an empty text")
    operator, given = words[0], {}
    if operator not in operators():
        raise SettingsError(f"policy {text!r}: {unknown('operator', operator, operators())}")
    kinds = {name: kind for name, kind in get_type_hints(Policy).items() if name in _settable()}
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if name not in kinds:
            raise SettingsError(f"policy {text!r}: {unknown('setting', name, kinds)}")
        given[name] = _value(text, name, kinds[name], value if equals else None)
    if given.get("trained", "standard") not in ARMS:
        raise SettingsError(f"policy {text!r}: trained must be one of {', '.join(ARMS)}, got {given['trained']!r}")
    if given.get("among") is not None and given["among"] not in among():
        raise SettingsError(
            f"policy {text!r}: among must be one of {', '.join(among())}, got {given['among']!r}{suggest(given['among'], among())}"
        )
    return Policy(name=" ".join(words), operator=NONE if operator == NEVER else operator, **given)


def cost_of(text: str, *, exact: bool) -> OperatorCost:
    """Returns the modelled cost that "FIXED+PER_USER+PER_RECORD" names, in seconds.

    Raises:
        SettingsError: it is not three numbers of at least 0.
    """
    try:
        fixed, per_user, per_record = (float(each) for each in text.split("+"))
    except ValueError:
        raise SettingsError(f"a cost must read FIXED+PER_USER+PER_RECORD in seconds, such as 0.2+0.01+0.00001, got {text!r}") from None
    return OperatorCost(fixed, per_user, per_record, exact)


def _settable() -> set[str]:
    return {f.name for f in fields(Policy)} - {"name", "operator"}


def _value(text: str, name: str, kind: Any, value: str | None) -> Any:
    kinds = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    plain = next(each for each in kinds if each is not type(None))
    if plain is bool:
        if value not in (None, "true", "false"):
            raise SettingsError(f"policy {text!r}: {name} is true or false, got {value!r}")
        return value != "false"
    if value is None:
        raise SettingsError(f"policy {text!r}: {name} needs a value, as in {name}=7")
    try:
        return plain(value)
    except ValueError:
        raise SettingsError(f"policy {text!r}: {name} must be a {'whole ' if plain is int else ''}number, got {value!r}") from None


def weights_of(words: tuple[str, ...], setting: str) -> dict[str, float]:
    """Returns name -> weight of words such as user=0.9; SettingsError when one is no NAME=NUMBER."""
    found = {}
    for name, value in words_of(words, setting).items():
        try:
            found[name] = float(value)
        except ValueError:
            raise SettingsError(f"{setting} takes NAME=NUMBER, such as user=0.9, got {name}={value}") from None
    return found


def words_of(words: tuple[str, ...], setting: str) -> dict[str, str]:
    """Returns name -> value of words NAME=VALUE; SettingsError when one has no name or no value."""
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        if not name or not value:
            raise SettingsError(f"{setting} takes NAME=VALUE, got {word!r}")
        found[name] = value
    return found
