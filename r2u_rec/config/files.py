"""Settings files: reading, checking and writing them, and the presets that are shipped."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from r2u_rec.config.errors import UsageError
from r2u_rec.config.settings import SECTIONS, Settings
from r2u_rec.suggest import choices, suggest

SETTINGS_FILE = "settings.yaml"


def presets() -> dict[str, Path]:
    """Returns the packaged settings files by name."""
    folder = Path(str(files("r2u_rec.config") / "presets"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def preset(name: str) -> Path:
    """Returns the packaged settings file of this name; UsageError, with the nearest name, when there is none."""
    there = presets()
    if name not in there:
        raise UsageError(f"unknown preset {name!r}{choices(name, there)}")
    return there[name]


def settings_of_run(folder: Path) -> Path:
    """Returns the settings file of a run folder; UsageError when it has none."""
    if not (folder / SETTINGS_FILE).is_file():
        raise UsageError(f"{folder} holds no {SETTINGS_FILE}: name the folder of an earlier run")
    return folder / SETTINGS_FILE


def read_settings(path: Path) -> dict[str, Any]:
    """Returns dotted key -> value of a settings file, as YAML gives them.

    Raises:
        UsageError: the file cannot be read, is no mapping, or a section is no mapping of settings.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"settings file {path} cannot be read: {' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"settings file {path} must hold sections such as 'model:', got {type(content).__name__}")
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if name == "seed":
            flat["seed"] = value
        elif name not in SECTIONS:
            raise UsageError(f"{path}: unknown section {name!r}{suggest(name, [*SECTIONS, 'seed'])}; there are {', '.join(SECTIONS)}, seed")
        elif not isinstance(value, dict):
            raise UsageError(
                f"{path}: {name} must hold settings such as '{name}:\\n  ...', got {value!r}: leave it out to keep the defaults"
            )
        else:
            flat.update(flat_keys(value, f"{name}."))
    return flat


def flat_keys(content: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Returns dotted key -> value of nested sections."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        found.update(flat_keys(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value})
    return found


def flattened(settings: Settings) -> dict[str, Any]:
    """Returns dotted key -> value of resolved settings."""
    return flat_keys(settings.flat())


def write_settings(settings: Settings, folder: Path) -> None:
    """Writes the resolved settings to `folder`/settings.yaml, from which a run is repeated."""
    (folder / SETTINGS_FILE).write_text(yaml.safe_dump(_plain(settings.flat()), sort_keys=False, allow_unicode=True), encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
