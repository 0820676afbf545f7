"""The library recbole at arm's length: imported when it is needed, and leaving the process as it was found."""

from __future__ import annotations

import logging
import os
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from r2u_rec import optional


def recbole_module(module: str) -> Any:
    """Returns the imported `module` of recbole; CapabilityError as `optional.needed` when it is not there.

    Environment variables and warning filters that its imports set are taken back.
    """
    environment = dict(os.environ)
    try:
        with warnings.catch_warnings():
            return optional.needed(module, "a model of recbole")
    finally:
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)


@contextmanager
def contained(seed: int) -> Iterator[None]:
    """Runs code of the library, which draws from the global generators: they are seeded inside, and come back as they were.

    The same seed gives the same bytes. Warnings about the library's own code are not shown.
    """
    python, drawn = random.getstate(), np.random.get_state()  # noqa: NPY002  (what the library draws from)
    with torch.random.fork_rng([]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed, which queues a call for CUDA each time
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(drawn)  # noqa: NPY002


@contextmanager
def quiet() -> Iterator[None]:
    """Shows no log lines below the level of errors: the library writes to the root of all loggers."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)
