"""One promise as a function that fails when a component breaks it, and how an author runs many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

C = TypeVar("C")


@dataclass(frozen=True)
class Check(Generic[C]):
    """One promise of a component. Calling it with a case returns nothing, or raises AssertionError when the promise is broken.

    Attributes:
        function: takes the case, and the argument when there is one; its docstring states the promise.
        argument: what distinguishes several checks of one function, such as the name of a request.
        applies: whether the promise is given by a case at all, such as exactness.
    """

    function: Callable[..., None]
    argument: str | None = None
    applies: Callable[[C], bool] = lambda case: True

    def __call__(self, case: C) -> None:
        self.function(case, *([] if self.argument is None else [self.argument]))

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The function's name, with the argument in brackets."""
        return self.function.__name__ + ("" if self.argument is None else f"[{self.argument}]")

    @property
    def promise(self) -> str:
        """What is promised, in words."""
        return (self.function.__doc__ or "").strip()


def require(kept: Any, message: str) -> None:
    """Raises AssertionError with `message` unless `kept`; unlike `assert` it also runs under `python -O`."""
    if not kept:
        raise AssertionError(message)


def require_close(found: Any, wanted: Any, message: str, *, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Raises AssertionError with `message` and the largest difference unless the arrays agree in shape and value."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    require(found.shape == wanted.shape, f"{message}: shape {found.shape}, expected {wanted.shape}")
    if not np.allclose(found, wanted, rtol=rtol, atol=atol):
        gap = float(np.abs(found.astype(np.float64) - wanted.astype(np.float64)).max())
        raise AssertionError(f"{message}: differs by up to {gap:.3g}, allowed are {atol:g} + {rtol:g} of the value")


def applicable(checks: Iterable[Check[C]], case: C | None) -> tuple[Check[C], ...]:
    """Returns the checks whose promise `case` gives, all of them when it is None."""
    return tuple(check for check in checks if case is None or check.applies(case))


def run_checks(checks: Iterable[Check[C]], case: C) -> None:
    """Runs every check that applies to the case.

    Raises:
        AssertionError: promises are broken; the message names each of them and what was found.
    """
    chosen, broken = applicable(checks, case), []
    for check in chosen:
        try:
            check(case)
        except Exception as error:  # a check that crashes is a broken promise as well
            broken.append(f"{check.name}: {type(error).__name__}: {error}")
    if broken:
        raise AssertionError("\n".join([f"{len(broken)} of {len(chosen)} promises are broken:", *broken]))
