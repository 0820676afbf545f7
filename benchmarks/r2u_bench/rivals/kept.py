"""Trained models on disk, so that systems which start from the same training share it, and a stopped benchmark goes on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from r2u_rec.core.stored import Json
from r2u_rec.core.trainer import Trainer
from r2u_rec.data.log import InteractionLog
from r2u_rec.storage import FolderTakenError, load_model, read_manifest, save_model


@dataclass
class CachedTrainer:
    """A trainer that trains once for the same records, seed and recipe, and reads the model from a folder afterwards.

    Attributes:
        trainer: that trains. folder: of the models, one folder each, as `r2u_rec.storage` writes them.
        recipe: names everything that the model depends on beside records and seed.
        spared_seconds: processor seconds that models read from files had cost, less the reading: to be added to what was measured.
    """

    trainer: Trainer
    folder: Path
    recipe: str
    spared_seconds: float = field(default=0.0)

    def train(self, task: Any, records: InteractionLog, *, seed: int) -> nn.Module:
        """Returns the model of `records`, trained now or earlier."""
        mark = hashlib.sha256(f"{self.recipe} {seed} ".encode() + records.ids.tobytes()).hexdigest()[:24]
        begun = time.process_time()

        def train() -> tuple[nn.Module, float]:
            return self.trainer.train(task, records, seed=seed), time.process_time() - begun

        model, seconds = kept(self.folder / mark, task, records, train, about={"recipe": self.recipe, "seed": seed})
        self.spared_seconds += seconds - (time.process_time() - begun)  # reading and writing are none of the training's time
        return model


def kept(
    folder: Path, task: Any, records: InteractionLog, train: Callable[[], tuple[nn.Module, float]], *, about: dict[str, Json]
) -> tuple[nn.Module, float]:
    """Returns the model that stands in `folder` and the processor seconds it took; trains and writes it when none does.

    Two processes may train the same model at once: the first to finish writes it.
    """
    if not folder.is_dir():
        model, seconds = train()
        with suppress(FolderTakenError):
            save_model(model, folder, about={**about, "seconds": seconds}, verb="bench")
        return model, seconds
    return load_model(folder, task, records), float(str(read_manifest(folder).about["seconds"]))
