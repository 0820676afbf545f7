"""From a command line and settings files to Settings; later ones win, flags win over files."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from r2u_rec.config.errors import UsageError
from r2u_rec.config.files import flat_keys, preset, presets, read_settings, settings_of_run
from r2u_rec.config.keys import COMPONENTS, Key, all_keys
from r2u_rec.config.settings import PLAIN, ForgetSettings, ModelChoice, PrepareSettings, Settings, component_names
from r2u_rec.config.values import fitted, from_text
from r2u_rec.registry.tables import MODELS
from r2u_rec.suggest import suggest

FILE_FLAGS = ("config", "preset", "repeat")
DEFAULT_MODEL = "mf"


@dataclass(frozen=True)
class Given:
    """What a command line says.

    Attributes:
        settings: resolved. options: the verb's own flags and words.
        set_keys: keys that a flag or a file named by a flag sets, in distinction from defaults and the run's own file.
        run: the run folder that comes first, for verbs that start from one.
    """

    settings: Settings
    options: argparse.Namespace
    set_keys: frozenset[str]
    run: Path | None = None


class VerbParser(argparse.ArgumentParser):
    """The verb's own flags; raises instead of exiting."""

    def __init__(self, verb: str) -> None:
        super().__init__(prog=f"r2u {verb}", add_help=False, exit_on_error=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)

    def flags(self) -> list[str]:
        """Returns the names of the verb's own flags, without dashes."""
        usage = self.format_usage().replace("[", " ").replace("]", " ").split()
        return [word.lstrip("-").partition("=")[0] for word in usage if word.startswith("-")]


def parse(verb: str, own: VerbParser, argv: Sequence[str], *, takes_run: bool = False, takes_files: bool = True) -> Given:
    """Returns the settings and the verb's own options.

    Args:
        own: the parser of the verb's own flags.
        takes_run: the first word names a run folder, whose settings are the base.
        takes_files: --config, --preset and --repeat name settings files; never with `takes_run`.

    Raises:
        UsageError: an unknown key or flag, a value of the wrong kind, or a file that is not there.
    """
    argv, run, layers = list(argv), None, []
    if takes_run:
        if not argv or argv[0].startswith("-"):
            raise UsageError("name the run folder first, such as runs/NAME: train and forget write them")
        run = Path(argv.pop(0))
        layers.append((read_settings(settings_of_run(run)), f"{run}"))
    flags, rest = _split(own, argv, FILE_FLAGS if takes_files and not takes_run else ())
    base = len(layers)
    for flag, value in flags:
        if flag in FILE_FLAGS:
            path = preset(value) if flag == "preset" else settings_of_run(Path(value)) if flag == "repeat" else Path(value)
            layers.append((read_settings(path), str(path)))
    texts = {flag: value for flag, value in flags if flag not in FILE_FLAGS}
    settings = _resolved(verb, layers, texts)
    try:
        options = own.parse_args(rest)
    except argparse.ArgumentError as error:
        raise UsageError(str(error)) from error
    named = {key for content, _ in layers[base:] for key in content} | set(texts)
    return Given(settings, options, frozenset(named), run)


def settings_from_mapping(content: Mapping[str, Any], verb: str = "", where: str = "settings") -> Settings:
    """Returns the settings of nested or dotted keys; UsageError as `parse`."""
    return _resolved(verb, [(flat_keys(content), where)], {})


def _split(own: VerbParser, argv: list[str], file_flags: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Returns (flag, text) of the settings and files in order, and what is left for the verb's own parser."""
    own_flags, found, rest = own.flags(), [], []
    waiting = argv[::-1]
    while waiting:
        token = waiting.pop()
        name, equals, value = token[2:].partition("=") if token.startswith("--") else ("", "", "")
        if not name or (name in own_flags and name not in file_flags):
            rest.append(token)
        elif "." in name or name == "seed" or name in file_flags:
            if not equals:
                if not waiting or (waiting[-1].startswith("--") and len(waiting[-1]) > 2):
                    raise UsageError(f"--{name} needs a value")
                value = waiting.pop()
            found.append((name, value))
        else:
            known = [*own_flags, *file_flags, *all_keys(DEFAULT_MODEL)]
            raise UsageError(f"unknown flag --{name}{_dashed(suggest(name, known))}")
    return found, rest


def _resolved(verb: str, layers: Sequence[tuple[Mapping[str, Any], str]], texts: Mapping[str, str]) -> Settings:
    names = [content["model.name"] for content, _ in layers if "model.name" in content] + (
        [texts["model.name"]] if "model.name" in texts else []
    )
    model = names[-1] if names else DEFAULT_MODEL
    if not isinstance(model, str) or model not in MODELS:
        raise UsageError(f"model.name takes one of {', '.join(MODELS)}, got {model!r}{suggest(model, MODELS)}")
    keys = all_keys(model, verb)
    values = {name: key.default for name, key in keys.items()}
    for content, where in layers:
        for name, value in content.items():
            if name not in keys:
                raise UsageError(f"{where}: unknown key {name}{_hint(name, keys, model)}")
            values[name] = _located(where, keys[name], value)
    for name, text in texts.items():
        if name not in keys:
            raise UsageError(f"unknown flag --{name}{_hint(name, keys, model, '--')}")
        values[name] = from_text(keys[name], text)
    return _settings(model, values)


def _located(where: str, key: Key, value: Any) -> Any:
    try:
        return fitted(key, value)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def _hint(name: str, keys: Mapping[str, Key], model: str, dashes: str = "") -> str:
    """Returns the nearest key, or for which models the key there is."""
    if name.startswith("model."):
        others = [other for other in MODELS if name in all_keys(other)]
        if others:
            return f": model.name={model} has none; {', '.join(others)} {'has' if len(others) == 1 else 'have'} it"
    return _dashed(suggest(name, keys)) if dashes else suggest(name, keys)


def _dashed(hint: str) -> str:
    """Returns the hint with the name spelled as a flag."""
    return hint.replace("mean '", "mean '--")


def _settings(model: str, values: Mapping[str, Any]) -> Settings:
    """Returns the settings objects of resolved values."""

    def part(prefix: str, kind: type[Any]) -> Any:
        return kind(**{name: values[f"{prefix}.{name}"] for name in kind.__dataclass_fields__ if f"{prefix}.{name}" in values})

    def components(section: str) -> dict[str, Any]:
        return {name: part(f"{section}.{name}", COMPONENTS[section].get(name).settings) for name in component_names(section)}

    prepare = PrepareSettings(_known_choice("prepare.arm", values["prepare.arm"], component_names("prepare")), components("prepare"))
    plain = {name: values[f"forget.{name}"] for name in ForgetSettings.__dataclass_fields__ if f"forget.{name}" in values}
    return Settings(
        **{name: part(name, kind) for name, kind in PLAIN.items()},
        model=ModelChoice(model, part("model", MODELS.get(model).settings)),
        prepare=prepare,
        forget=ForgetSettings(
            **{**plain, "method": _known_choice("forget.method", plain["method"], ("auto", *component_names("forget")))},
            methods=components("forget"),
        ),
        seed=values["seed"],
    )


def _known_choice(key: str, name: str, known: Sequence[str]) -> str:
    if name not in known:
        raise UsageError(f"{key} takes one of {', '.join(known)}, got {name!r}{suggest(name, known)}")
    return name


def listed_presets() -> str:
    """Returns the names of the packaged settings files."""
    return ", ".join(presets())
