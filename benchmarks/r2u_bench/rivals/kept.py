"""Trained models on disk, so that systems which start from the same training share it, and a stopped benchmark goes on."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from r2u_rec.core.trainer import Trainer
from r2u_rec.data.log import InteractionLog


@dataclass
class CachedTrainer:
    """A trainer that trains once for the same records, seed and recipe, and reads the model from a file afterwards.

    Attributes:
        trainer: that trains. folder: of the files, which are pickles of our own making: never read others'.
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
        path = self.folder / f"{mark}.pt"
        begun = time.process_time()
        if path.is_file():
            model, seconds = torch.load(path, weights_only=False)
            self.spared_seconds += seconds - (time.process_time() - begun)
            return model
        model = self.trainer.train(task, records, seed=seed)
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{mark}.{os.getpid()}.part")
        seconds = time.process_time() - begun
        torch.save((model, seconds), unfinished)
        unfinished.replace(path)
        self.spared_seconds += seconds - (time.process_time() - begun)  # writing is none of the training's time
        return model
