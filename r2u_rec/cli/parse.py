"""From YAML files and flags to settings; what is wrong is said in one line, with the nearest name."""

from __future__ import annotations

import argparse
import re
import types
from collections.abc import Iterator, Sequence
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser, Namespace

from r2u_rec.cli.settings import SECTIONS, SETTINGS_FILE, Settings
from r2u_rec.errors import R2UError
from r2u_rec.suggest import suggest, unknown


class UsageError(R2UError, ValueError):
    """The command line or a settings file cannot be understood; the program exits with status 2."""


def presets() -> dict[str, Path]:
    """Returns the packaged settings files by name."""
    folder = Path(str(files("r2u_rec.cli") / "presets"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def bare_parser(verb: str, summary: str, usage: str) -> ArgumentParser:
    """Returns a parser that raises instead of exiting, for the flags of one verb."""
    return ArgumentParser(
        prog=f"r2u {verb}",
        usage=f"r2u {verb} {usage}",
        description=summary,
        exit_on_error=False,
        allow_abbrev=False,
        formatter_class=argparse.HelpFormatter,
    )


def settings_parser(verb: str, summary: str, shown: Sequence[str] = (), *, takes_folder: bool = False) -> ArgumentParser:
    """Returns a parser of all settings; the help shows the sections `shown` only.

    Every verb understands a whole settings file, so that one file serves them all.

    Args:
        takes_folder: the verb starts from a run folder, whose settings are the base; otherwise it takes --preset and --repeat.
    """
    parser = bare_parser(verb, summary, "[flags]" if not takes_folder else "RUN [flags]")
    parser.add_argument("--config", action=ActionConfigFile, help="a YAML file of settings; flags that follow it win")
    if not takes_folder:
        parser.add_argument("--preset", default=None, help=f"packaged settings: {', '.join(presets())}")
        parser.add_argument("--repeat", default=None, metavar="FOLDER", help="the settings of an earlier run")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is random" if shown else argparse.SUPPRESS)
    for section, kind in SECTIONS.items():
        hints = get_type_hints(kind)
        for f in fields(kind):
            text = f"{f.metadata['help']} (default: {_shown(f.default)})" if section in shown else argparse.SUPPRESS
            parser.add_argument(f"--{section}.{f.name}", type=hints[f.name], default=f.default, help=text, metavar=_metavar(hints[f.name]))
    return parser


def parse(parser: ArgumentParser, argv: Sequence[str], *, base: Path | None = None) -> Namespace:
    """Returns what the files and flags say; later ones win, flags win over the files before them.

    Args:
        base: a settings file that comes first, before --preset, --repeat and --config.

    Raises:
        UsageError: an unknown key or flag, a value of the wrong type, or a file that is not there.
    """
    known = {option.removeprefix("--"): action for action in parser._actions for option in action.option_strings if option.startswith("--")}
    argv = [_listed(known, token) for token in _paired(known, list(argv))]
    first = [] if base is None else [base]
    for flag in ("preset", "repeat") if "config" in known else ():  # only a parser of all settings has settings files
        value, argv = _taken(argv, flag)
        first += [] if value is None else [_preset(value) if flag == "preset" else _settings_of(Path(value))]
    for path in first + [Path(value) for value in _values(argv, "config")]:
        _check_file(known, path)
    try:
        return parser.parse_args([f"--config={path}" for path in first] + argv)
    except (argparse.ArgumentError, TypeError, ValueError, KeyError) as error:
        raise UsageError(_short(str(error), known)) from error


def settings_of(given: Namespace) -> Settings:
    """Returns the settings that `parse` found, as one frozen object."""
    return Settings(**{name: kind(**_fields(given, name, kind)) for name, kind in SECTIONS.items()}, seed=given.seed)


def _fields(given: Namespace, section: str, kind: type[Any]) -> dict[str, Any]:
    values = {f.name: given[section][f.name] for f in fields(kind)}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _paired(known: dict[str, Any], argv: list[str]) -> Iterator[str]:
    """Joins `--key value` to `--key=value` and refuses flags that do not exist."""
    waiting = argv[::-1]
    while waiting:
        token = waiting.pop()
        if not token.startswith("--") or token == "--":
            yield token
            continue
        key, equals, _ = token[2:].partition("=")
        if key.removesuffix("+") not in known:
            raise UsageError(f"unknown flag --{key}{suggest(f'--{key}', [f'--{flag}' for flag in known])}")
        takes_value = known[key.removesuffix("+")].nargs != 0 and key not in ("help", "print_config")
        if takes_value and not equals and (not waiting or (waiting[-1].startswith("--") and waiting[-1] != "--")):
            raise UsageError(f"--{key} needs a value")
        yield f"{token}={waiting.pop()}" if takes_value and not equals else token


def _listed(known: dict[str, Any], token: str) -> str:
    """Lets a list be written a,b,c on the command line."""
    key, equals, value = token.removeprefix("--").partition("=")
    if not token.startswith("--") or not equals or key not in known:
        return token
    kinds = [get_origin(each) or each for each in _alternatives(getattr(known[key], "_typehint", None))]
    return f"--{key}=[{value}]" if tuple in kinds and not value.startswith("[") and value != "null" else token


def _taken(argv: list[str], flag: str) -> tuple[str | None, list[str]]:
    values = _values(argv, flag)
    return (values[-1] if values else None), [token for token in argv if not token.startswith(f"--{flag}=")]


def _values(argv: Sequence[str], flag: str) -> list[str]:
    return [token.partition("=")[2] for token in argv if token.startswith(f"--{flag}=")]


def _preset(name: str) -> Path:
    there = presets()
    if name not in there:
        raise UsageError(unknown("preset", name, there))
    return there[name]


def _settings_of(folder: Path) -> Path:
    if not (folder / SETTINGS_FILE).is_file():
        raise UsageError(f"{folder} holds no {SETTINGS_FILE}: name the folder of an earlier run")
    return folder / SETTINGS_FILE


def _check_file(known: dict[str, Any], path: Path) -> None:
    """Refuses a settings file that is not there, is no YAML mapping, or has unknown keys."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"settings file {path} cannot be read: {' '.join(str(error).split())}") from error
    if content is not None and not isinstance(content, dict):
        raise UsageError(f"settings file {path} must hold sections such as 'model:', got {type(content).__name__}")
    for name, section in (content or {}).items():
        inner = isinstance(section, dict)
        if name in SECTIONS and section is not None and not inner:
            raise UsageError(f"{path}: {name} must hold settings such as '{name}:\\n  ...', got {section!r}")
        for key in (f"{name}.{each}" for each in section) if inner else [str(name)] * (name not in SECTIONS):
            if key not in known:
                raise UsageError(f"{path}: unknown key {key}{suggest(key, known)}")


def _short(message: str, known: dict[str, Any]) -> str:
    """Shortens the parser's message on a wrong value to: key, what it takes, what it got."""
    found = re.search(r'[Kk]ey "([\w.]+)"', message) or re.search(r"argument --([\w.]+)", message)
    if found is None or found[1] not in known:
        return " ".join(message.split())
    value = re.findall(r"[Gg]ot value: (.*)|Given value: (.*)|invalid .* value: (.*)", message)
    got = next((each.strip().strip("'\"") for each in (value[-1] if value else ()) if each), "")
    hint = getattr(known[found[1]], "_typehint", None) or known[found[1]].type
    choices = [str(each) for kind in _alternatives(hint) for each in (get_args(kind) if get_origin(kind) is Literal else ())]
    return f"{found[1]} takes {_described(hint)}, got {got!r}{suggest(got, choices)}"


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _described(hint: Any) -> str:
    """Returns in words what a setting takes."""
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_described(each) for each in get_args(hint))
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(str(each) for each in get_args(hint))
    if get_origin(hint) is tuple:
        each = get_args(hint)
        return f"a list{'' if each[-1] is ... else f' of {len(each)}'}, each {_described(each[0])}"
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}.get(hint, str(hint))


def _metavar(hint: Any) -> str:
    words = [_described(each) for each in _alternatives(hint) if each is not type(None)]
    simple = {"a whole number": "INT", "a number": "NUMBER", "true or false": "BOOL", "text": "TEXT"}
    return "|".join("LIST" if w.startswith("a list") else simple.get(w, w.removeprefix("one of ").replace(", ", "|")) for w in words)


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
