"""What a trial on text is about: the documents, which of them are to be forgotten, to stay, held out, and the model to start from."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from r2u_bench.paper.texts.settings import TextSettings
from r2u_rec.core.protocols import Split
from r2u_rec.core.training import Training, fit_
from r2u_rec.data.catalogue import names as catalogue
from r2u_rec.data.catalogue.download import cache_folder
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids, as_ids
from r2u_rec.language import models
from r2u_rec.language.documents import Documents, decode, encode_documents
from r2u_rec.language.task import Build, TextTask
from r2u_rec.language.texts import load_texts
from r2u_rec.language.tokenizer import load_tokenizer, padding, train_tokenizer
from r2u_rec.rng import stream

TINY = {"tiny-gpt2": models.tiny_gpt2, "tiny-llama": models.tiny_llama}
CARDS = {"smollm2-135m": "SmolLM2-135M-Instruct.Q4_1.gguf"}
"""Models of the catalogue -> their GGUF file."""

GENERAL_CHARACTERS = 1000
"""Of each general text so many are read: many texts teach a small model more than few long ones."""


@dataclass(frozen=True)
class Start:
    """The model that fine-tuning starts from, and its tokenizer."""

    build: Build
    tokenizer: Any

    @property
    def vocab_size(self) -> int:
        return len(self.tokenizer)


@dataclass(frozen=True)
class Material:
    """Documents and their roles.

    Attributes:
        documents: of all roles. split: D_f, D_r and D_rc. heldout: like D_r, never trained on. strangers: like D_f, never trained on.
    """

    documents: Documents
    split: Split
    heldout: Ids
    non_members: Ids


def start_of(s: TextSettings) -> Start:
    """Returns the pretrained start: of a published model, or of a tiny one trained on the general texts and then kept in the cache."""
    if s.model in TINY:
        return _tiny_start(s)
    if s.model in CARDS:
        folder, gguf = catalogue.fetch(s.model), CARDS[s.model]
        found = next(iter(sorted(Path(folder).rglob(gguf))), Path(folder) / gguf)
        build, tokenizer = models.pretrained(found.parent, gguf), load_tokenizer(found.parent, gguf)
    else:
        build, tokenizer = models.pretrained(s.model), load_tokenizer(s.model)
    return Start(models.with_lora(build, s.lora) if s.lora else build, tokenizer)


def material(s: TextSettings, start: Start) -> Material:
    """Returns the documents of the trial and their roles, drawn from the seed.

    Raises:
        SettingsError: groups that are not there, or a role that no document is left for.
    """
    texts = load_texts(s.data, s.path, s.parts)
    documents = encode_documents(texts, start.tokenizer, s.length, pack=s.pack)
    documents = documents.keep(documents.ids[documents.lengths > min(8, s.length // 2)])
    rng = stream(s.seed, "roles")
    if isinstance(s.forget, str):
        if s.forget != "random":
            raise SettingsError(f"forget must be a list of groups or 'random', got {s.forget!r}")
        order = rng.permutation(documents.ids)
        forget, retain, recovery, heldout = _cut(order, s.n_forget, s.n_retain, s.n_recovery, s.n_heldout)
        non_members = heldout
    else:
        mine = rng.permutation(documents.ids_of_groups(s.forget))
        away = set(s.forget) | set(s.heldout or ())
        others = s.retain if s.retain is not None else [name for name in documents.group_names if name not in away]
        rest = rng.permutation(documents.ids_of_groups(others))
        forget, non_members = _cut(mine, min(s.n_forget, max(len(mine) * 3 // 4, 1)), s.n_heldout)
        retain, recovery, left = _cut(rest, s.n_retain, s.n_recovery, s.n_heldout)
        heldout = left if s.heldout is None else rng.permutation(documents.ids_of_groups(s.heldout))[: s.n_heldout]
    roles = {"forget": forget, "retain": retain, "heldout": heldout, "strangers": non_members}
    empty = [name for name, ids in roles.items() if len(ids) < 2]
    if empty or (s.n_recovery and len(recovery) < 4):
        counted = ", ".join(f"{name} {len(ids)}" for name, ids in {**roles, "recovery": recovery}.items())
        raise SettingsError(f"{s.data} has too few documents for its roles ({counted}): lower n_forget, n_retain or n_recovery")
    every = np.unique(np.concatenate([*roles.values(), recovery]))
    return Material(documents.keep(every), Split(as_ids(forget), as_ids(retain), as_ids(recovery)), as_ids(heldout), as_ids(non_members))


def recovery_quantiles(m: Material, tokenizer: Any) -> NDArray[np.int64]:
    """Returns for each document of D_rc its quantile 1 (least similar to D_f) to 4, by mean cosine of sentence embeddings."""
    from r2u_rec.language.similarity import SentenceEncoder, quantiles, similarity

    encoder = SentenceEncoder.load()
    recovery, forget = (encoder.encode(decode(m.documents.keep(ids), tokenizer)) for ids in (m.split.recovery, m.split.forget))
    return quantiles(similarity(recovery, forget).mean) + 1


def _cut(order: Ids, *sizes: int) -> list[Ids]:
    ends = np.cumsum([0, *sizes])
    return [order[start:stop] for start, stop in itertools.pairwise(ends)]


def _tiny_start(s: TextSettings) -> Start:
    """Pretrains once, whoever comes first; the others wait. Kept under the hash of the settings that decide it."""
    from filelock import FileLock
    from safetensors.torch import load_model, save_model

    names = (
        "model",
        "width",
        "layers",
        "heads",
        "vocab_size",
        "length",
        "general",
        "n_general",
        "general_epochs",
        "general_batch",
        "general_lr",
        "general_seed",
    )
    chosen = {name: getattr(s, name) for name in names}
    if not s.general:
        chosen |= {"data": s.data, "path": s.path}
    name = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:24]
    folder = cache_folder() / "starts" / name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        weights, vocabulary = folder / "model.safetensors", folder / "tokenizer"
        if weights.exists():
            tokenizer = load_tokenizer(vocabulary)
        else:
            texts = _general_texts(s)
            tokenizer = train_tokenizer(texts, s.vocab_size)
            tokenizer.save_pretrained(vocabulary)
        build = TINY[s.model](len(tokenizer), s.length, s.width, s.layers, s.heads)
        if not weights.exists():
            model = _pretrained_on(texts, tokenizer, build, s)
            save_model(model, str(folder / "unfinished"))
            (folder / "unfinished").replace(weights)

    def begin(documents: Documents, seed: int) -> nn.Module:
        model = build(documents, s.general_seed)
        load_model(model, str(weights))
        return model

    return Start(models.with_lora(begin, s.lora) if s.lora else begin, tokenizer)


def _general_texts(s: TextSettings) -> list[str]:
    """Returns general texts, cut; of the trial's own retained groups where no general data set is named."""
    rng = stream(s.general_seed, "general")
    found: list[str] = []
    for name in s.general or (s.data,):
        texts = load_texts(name, None if s.general else s.path)
        some = rng.permutation(len(texts))[: 2 * s.n_general // max(len(s.general), 1)]
        found += [texts.text[i][:GENERAL_CHARACTERS] for i in some]
    return found


def _pretrained_on(texts: list[str], tokenizer: Any, build: Build, s: TextSettings) -> nn.Module:
    documents = encode_documents(texts, tokenizer, s.length, pack=True)
    chosen = stream(s.general_seed, "blocks").permutation(documents.ids)[: s.n_general]
    documents = documents.keep(as_ids(chosen))
    task = TextTask(build, padding(tokenizer), len(tokenizer))
    model = task.model(documents, seed=s.general_seed)
    training = Training(epochs=s.general_epochs, batch_size=s.general_batch, lr=s.general_lr, schedule="linear")
    fit_(model, task, documents, training=training, seed=s.general_seed, progress=False)
    return model
