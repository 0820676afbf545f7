"""Noisy training: the vectors of revocable interactions are blurred while they are learned from."""

from __future__ import annotations

from typing import Any

import torch

from r2u_rec.core.step import Step, StepInput, Terms, member
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.ids import Ids


def noisy(forget: Ids, sigma: float) -> Step:
    """Returns the step in which the user and item vectors of revocable interactions carry Gaussian noise.

    The noise is added to the vectors as they are looked up, so that its gradient reaches the tables; the tables themselves stay clean.
    It is measured in the vectors' own scale: sigma times the root mean square of the entries of the batch.

    Args:
        forget: ids of the revocable interactions, ascending.
        sigma: >= 0; 0 is the standard step.

    Raises:
        SettingsError: sigma below 0.
        CapabilityError: in a step, a task that has no losses of vectors.

    Source: the Noisy baseline of Ready2Unlearn, Section 4.1.2, which adds noise of standard deviation .3 to revocable images;
        an interaction has no input but its vectors, which NEFTune (Jain et al. 2023) shows to serve as one.
    """
    if not sigma >= 0:
        raise SettingsError(f"sigma must be >= 0, got {sigma}: it is a standard deviation")

    def step(s: StepInput) -> Terms:
        task: Any = s.task
        model: Any = s.model
        if not hasattr(task, "of_vectors") or not hasattr(model, "lookup"):
            raise CapabilityError(
                f"noisy training blurs looked-up vectors, and {type(s.task).__name__} with {type(s.model).__name__} has none: "
                "use a RankingTask with matrix factorisation or LightGCN"
            )
        batch = s.batch(s.ids)
        p, q = model.lookup(batch.users, batch.items)  # (n, d), (n, 1 + k, d)
        blurred = torch.from_numpy(member(s.ids, forget)).to(p).unsqueeze(1)  # (n, 1)
        generator = torch.Generator().manual_seed(int(s.rng.integers(2**62)))
        noise = [torch.randn(v.shape, generator=generator, dtype=v.dtype).to(v.device) * v.detach().square().mean().sqrt() for v in (p, q)]
        losses, penalties = task.of_vectors(p + sigma * blurred * noise[0], q + sigma * blurred.unsqueeze(1) * noise[1])
        loss = (losses + penalties).mean()
        loss.backward()
        return {"loss": loss.detach()}

    return step
