"""Presets: how large every experiment is. `quick` for two cores, `full` for the paper's sizes, or a YAML file of your own.

A file has the sections `image`, `text` and `cost` (settings of that kind of trial, shared by all experiments), `experiments`
(one section an experiment: `trials`, and settings that go over those of its kind), and `seed`, the first one:

    seed: 100
    image: {epochs: 12, n_train: 10000}
    experiments:
      fig3: {trials: 10}
      fig8: {trials: 5, epochs: 20}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from r2u_rec.errors import SettingsError
from r2u_rec.suggest import unknown

SECTIONS = ("image", "text", "cost")


@dataclass(frozen=True)
class Preset:
    """Sizes of all experiments.

    Attributes:
        name: of the preset.
        sections: kind of trial -> its settings.
        experiments: experiment -> its own settings, `trials` among them.
        seed: of the first trial; the next ones follow.
        n_trials: in place of every experiment's own; None leaves them.
    """

    name: str
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    experiments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seed: int = 0
    n_trials: int | None = None

    def section(self, kind: str, experiment: str | None = None) -> dict[str, Any]:
        """Returns the settings of a kind of trial, with those of the experiment over them."""
        own = {} if experiment is None else {key: value for key, value in self.of(experiment).items() if key != "trials"}
        return {**self.sections.get(kind, {}), **own}

    def of(self, experiment: str) -> dict[str, Any]:
        """Returns the experiment's own settings, `trials` among them; empty when the preset says nothing of it."""
        return dict(self.experiments.get(experiment) or {})

    def trials(self, experiment: str) -> int:
        """Returns how many trials the experiment has; SettingsError when nothing says so."""
        n = self.of(experiment).get("trials") if self.n_trials is None else self.n_trials
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise SettingsError(f"preset {self.name}: {experiment} must have trials of at least 1, got {n!r}; or give --trials")
        return n

    def seeds(self, experiment: str) -> tuple[int, ...]:
        """Returns one seed a trial: the preset's first and those that follow, the same in every experiment."""
        return tuple(range(self.seed, self.seed + self.trials(experiment)))


def packaged() -> dict[str, Path]:
    """Returns the presets of the package by name."""
    folder = Path(str(files("r2u_bench.paper") / "presets"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"), reverse=True)}


def load_preset(name: str, *, experiments: Iterable[str] = (), n_trials: int | None = None) -> Preset:
    """Returns a preset of the package, or the one that a YAML file holds.

    Args:
        name: of the preset, or the path of a file that ends in .yaml.
        experiments: the names that its section `experiments` may hold; none: any.
        n_trials: trials of every experiment, in place of what the file says.

    Raises:
        SettingsError: no such preset, or the file has keys or values that cannot be meant.
    """
    there = packaged()
    path = Path(name) if name.endswith((".yaml", ".yml")) else there.get(name)
    if path is None:
        raise SettingsError(unknown("preset", name, there) + ", or name a .yaml file")
    if n_trials is not None and n_trials < 1:
        raise SettingsError(f"--trials must be at least 1, got {n_trials}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"preset {name} cannot be read: {' '.join(str(error).split())}") from error
    known = {*SECTIONS, "experiments", "seed"}
    content = _mapping(content, name, "it")
    for key in content.keys() - known:
        raise SettingsError(f"preset {name}: {unknown('key', key, sorted(known))}")
    own = _mapping(content.get("experiments"), name, "experiments")
    allowed = set(experiments)
    for key in sorted(own.keys() - allowed) if allowed else ():
        raise SettingsError(f"preset {name}: {unknown('experiment', key, sorted(allowed))}")
    preset = Preset(
        path.stem,
        {section: _settings(content.get(section), name, section) for section in SECTIONS},
        {key: _settings(section, name, f"experiments.{key}") for key, section in own.items()},
        content.get("seed", 0),
    )
    if isinstance(preset.seed, bool) or not isinstance(preset.seed, int) or preset.seed < 0:
        raise SettingsError(f"preset {name}: seed must be a whole number of at least 0, got {preset.seed!r}")
    return replace(preset, n_trials=n_trials)


def _mapping(value: Any, name: str, where: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise SettingsError(f"preset {name}: {where} must hold settings by name, got {value!r}")
    return value or {}


def _settings(value: Any, name: str, where: str) -> dict[str, Any]:
    section = _mapping(value, name, where)
    for key, each in section.items():
        if isinstance(each, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", each):
            raise SettingsError(f"preset {name}: {where}.{key} is the text {each!r} to YAML: write a number such as 1.0e-5")
    return section
