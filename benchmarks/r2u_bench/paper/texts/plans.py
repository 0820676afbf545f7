"""Which trials on text the experiments ask for: the corpora and their roles, and specs that several experiments share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from r2u_bench.paper.experiment import Spec
from r2u_bench.paper.preset import Preset
from r2u_rec.errors import SettingsError
from r2u_rec.suggest import unknown

CORPORA: Mapping[str, Mapping[str, Any]] = {
    "bbc-news": {"data": "bbc-news", "forget": ["sports"], "general": ["muse-news", "enron"]},
    "muse-news": {
        "data": "muse-news", "forget": ["sust_forget_1"], "retain": ["sust_forget_2", "sust_forget_3"], "heldout": ["sust_forget_4"],
        "parts": ["sust_forget_1", "sust_forget_2", "sust_forget_3", "sust_forget_4"], "general": ["bbc-news", "enron"],
    },
    "muse-news-official": {
        "data": "muse-news", "forget": ["raw_forget"], "retain": ["raw_retain1", "raw_retain2"], "heldout": ["raw_holdout"],
        "parts": ["raw_forget", "raw_retain1", "raw_retain2", "raw_holdout"],
    },
    "muse-books-official": {
        "data": "muse-books", "forget": ["raw_forget"], "retain": ["raw_retain1", "raw_retain2"], "heldout": ["raw_holdout"],
        "parts": ["raw_forget", "raw_retain1", "raw_retain2", "raw_holdout"], "pack": True,
    },
    "kjv-bible": {
        "data": "kjv-bible", "forget": ["Genesis"], "heldout": ["Numbers"], "pack": True, "general": ["bbc-news", "enron"],
    },
    "enron": {"data": "enron", "forget": "random", "general": ["bbc-news", "muse-news"]},
}  # fmt: skip
"""Name in a preset -> roles. A start is pretrained on other data than it is fine-tuned on."""

ONLY_PLAN = ("corpora", "models", "arms", "first_model")
"""Keys of an experiment's section that say which trials there are, and are no settings of one."""

ENRON = "fig6"
"""Every experiment on the e-mails takes its settings from this one's section, so that they share trials."""


ENRON_MODELS = ("tiny-gpt2", "tiny-llama")


def text_spec(preset: Preset, experiment: str, corpus: str, arm: str, seed: int, **own: Any) -> Spec:
    """Returns one spec: the preset's settings of text, then those of the experiment, the corpus's roles, and `own`.

    Raises:
        SettingsError: a corpus that is not known.
    """
    if corpus not in CORPORA:
        raise SettingsError(unknown("corpus", corpus, CORPORA))
    settings = {key: value for key, value in preset.section("text", experiment).items() if key not in ONLY_PLAN}
    return {"kind": "text", **settings, **CORPORA[corpus], **own, "arm": arm, "seed": seed}


def listed(preset: Preset, experiment: str, key: str, default: Sequence[str]) -> list[str]:
    """Returns a list of the experiment's section that says which trials there are."""
    value = preset.of(experiment).get(key, list(default))
    if not isinstance(value, list) or not value:
        raise SettingsError(f"preset {preset.name}: experiments.{experiment}.{key} must be a list of names, got {value!r}")
    return [str(each) for each in value]


def enron_spec(preset: Preset, arm: str, seed: int, *, model: str | None = None, lambda2: float = 0.0, quantile: int = 0) -> Spec:
    """Returns a trial of three phases on the e-mails, of the first model of Figure 6 unless another is named.

    Quantile 0 prepares for all recovery texts, 1 to 4 for some.
    Arms that do not prepare recover on every quantile, as their training is the same for all. What Figures 7 and 11 show is
    measured along with it.
    """
    first = listed(preset, ENRON, "models", ENRON_MODELS)[0]
    own: dict[str, Any] = {"model": model or first, "token_picture": True, "states_picture": True}
    if arm in ("repaired", "literal"):
        own |= {"lambda2": lambda2, "prepared_quantile": quantile, "recoveries": [quantile]}
    elif arm in ("standard", "retrained"):
        own["recoveries"] = [0, 1, 2, 3, 4] if own["model"] == first else [0]
    return text_spec(preset, ENRON, "enron", arm, seed, **own)
