"""Presets of the benchmark: data, seeds, requests, recommenders with their settings, and which systems run on each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from r2u_bench.rivals.requests import requests_of
from r2u_bench.rivals.systems.registry import ConfiguredSystem, chosen, recommender, systems
from r2u_rec.errors import SettingsError
from r2u_rec.suggest import unknown

KEYS = ("data", "seeds", "shares", "strangers_share", "n_references", "n_halves", "ways", "models", "check", "part")
PARTS = ("test", "validation")
"""By which part quality is measured: the last is for choosing settings."""
ALL, REFERENCE = "all", "retrain"
KIND = "r2u_rec.rivals.trial:{}@1"


@dataclass(frozen=True)
class Preset:
    """What runs. `content` is the file, as it was read or narrowed by flags; it is kept with the numbers."""

    name: str
    content: Mapping[str, Any]

    @property
    def data(self) -> str:
        return str(self.content["data"])

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(int(seed) for seed in self.content["seeds"])

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(self.content["models"])

    @property
    def part(self) -> str:
        """The part of the split by which quality is measured."""
        return str(self.content.get("part") or PARTS[0])

    def requests(self, model: str) -> list[str]:
        """Returns the requests that are made of a recommender."""
        wanted = self.content["models"][model].get("requests", ALL)
        return requests_of(None if wanted == ALL else wanted, self.content["shares"])

    def systems(self, model: str) -> list[ConfiguredSystem]:
        """Returns the systems that run on a recommender; with "all" every one that fits, but retraining, which the references are.

        Raises:
            SettingsError: a named system that there is not, or that does not fit.
        """
        made, wanted = recommender(model), self.content["models"][model].get("systems", ALL)
        if wanted == ALL:
            return [chosen(name) for name, system in systems().items() if name != REFERENCE and not system.lacks(made)]
        lines = [chosen(text) for text in wanted]
        for line in lines:
            if lacking := line.system.lacks(made):
                raise SettingsError(f"system {line.text} does not run on {model}: it needs a recommender that {', and '.join(lacking)}")
        return lines

    def settings(self, model: str) -> str:
        """Returns, as text, all that the figures of a recommender's trials depend on beside spec and code."""
        c = self.content
        shared = {key: c[key] for key in ("shares", "strangers_share", "n_halves")} | {"ways": c.get("ways") or {}}
        if self.part != PARTS[0]:
            shared["part"] = self.part
        return json.dumps({**shared, "model": c["models"][model].get("settings") or {}}, sort_keys=True)

    def references(self, folder: Path) -> list[dict[str, Any]]:
        """Returns the specs of all retrained references."""
        return [
            {**self._common(model, seed, folder), "kind": KIND.format("reference"), "request": request, "number": number}
            for seed in self.seeds
            for model in self.models
            for request in self.requests(model)
            for number in range(int(self.content["n_references"]))
        ]

    def runs(self, folder: Path) -> list[dict[str, Any]]:
        """Returns the specs of all systems, those first that train what others share."""
        return [
            {
                **self._common(model, seed, folder),
                "kind": KIND.format("system"),
                "system": line.text,
                "options": json.dumps(dict(line.options), sort_keys=True),  # with the defaults, which may change
                "requests": self.requests(model),
            }
            for seed in self.seeds
            for model in self.models
            for line in self.systems(model)
        ]

    def _common(self, model: str, seed: int, folder: Path) -> dict[str, Any]:
        return {"data": self.data, "model": model, "seed": seed, "settings": self.settings(model), "folder": str(folder)}

    def narrowed(
        self,
        *,
        models: Sequence[str] | None = None,
        systems: Sequence[str] | None = None,
        requests: Sequence[str] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> Preset:
        """Returns the preset with only what is named; a system named for all recommenders runs where it fits.

        Raises:
            SettingsError: a recommender that the preset has no settings for, or names that there are not.
        """
        content = dict(self.content)
        if models is not None:
            for name in models:
                recommender(name)
                if name not in content["models"]:
                    raise SettingsError(
                        f"preset {self.name} has no settings for {name}; it has {', '.join(content['models'])}: add them there"
                    )
            content["models"] = {name: content["models"][name] for name in models}
        if systems is not None:
            lines = [chosen(text) for text in systems]
            content["models"] = {
                name: {**own, "systems": [line.text for line in lines if not line.system.lacks(recommender(name))]}
                for name, own in content["models"].items()
            }
            content["models"] = {name: own for name, own in content["models"].items() if own["systems"]}
            if not content["models"]:
                raise SettingsError(f"none of the systems {', '.join(systems)} runs on any of the recommenders {', '.join(self.models)}")
        if requests is not None:
            requests_of(requests, content["shares"])
            content["models"] = {name: {**own, "requests": list(requests)} for name, own in content["models"].items()}
        if seeds is not None:
            content["seeds"] = list(seeds)
        return checked(replace(self, content=content))


def packaged() -> dict[str, Path]:
    """Returns the presets of the package by name; each is named for its data set, or DATASET-VARIANT."""
    folder = Path(str(files("r2u_bench.rivals") / "presets"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_preset(name: str) -> Preset:
    """Returns a preset of the package, or the one that a YAML file holds.

    Raises:
        SettingsError: no such preset, or keys or values that cannot be meant.
    """
    there = packaged()
    path = Path(name) if name.endswith((".yaml", ".yml")) else there.get(name)
    if path is None:
        raise SettingsError(unknown("preset", name, there) + ", or name a .yaml file")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"preset {name} cannot be read: {' '.join(str(error).split())}") from error
    return checked(Preset(path.stem, content if isinstance(content, dict) else {}))


def checked(preset: Preset) -> Preset:
    """Returns the preset; SettingsError when something is missing, unknown, or cannot be meant."""
    c, name = preset.content, preset.name
    for key in c.keys() - set(KEYS):
        raise SettingsError(f"preset {name}: unknown key {key}; there are {', '.join(KEYS)}")
    for key in KEYS[:6] + ("models",):
        if not c.get(key):
            raise SettingsError(f"preset {name}: {key} must be set, got {c.get(key)!r}")
    if len(set(preset.seeds)) != len(preset.seeds):
        raise SettingsError(f"preset {name}: seeds must be named once each, got {list(preset.seeds)}")
    if int(c["n_references"]) < 2:
        raise SettingsError(f"preset {name}: n_references must be at least 2, got {c['n_references']}: one retrained model has no spread")
    if not 0 < c["strangers_share"] < 0.3:
        raise SettingsError(f"preset {name}: strangers_share must lie in (0, .3), got {c['strangers_share']}")
    if preset.part not in PARTS:
        raise SettingsError(f"preset {name}: part must be one of {', '.join(PARTS)}, got {preset.part!r}")
    for model in preset.models:
        recommender(model)
        preset.requests(model), preset.systems(model)
    return preset
