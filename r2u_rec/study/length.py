"""FallbackLengthRule: a rule for the length of an edit that never stops a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from r2u_rec.errors import EvidenceError
from r2u_rec.registry.context import LengthWord
from r2u_rec.unlearn.curvature.block_newton import Calibrate, Erase


@dataclass(frozen=True)
class CommonRule:
    """One rule for the length of every edit, whatever a method asks for by default: for comparisons of methods.

    Attributes:
        by: "canaries" or "shadow", canaries judged against one more training without them.
        evidence: what canaries are judged by, a name of `study.context.EVIDENCE`. longest: length that they try.
    """

    by: LengthWord
    evidence: str = "fold_in"
    longest: float = 3.0


@dataclass(frozen=True)
class FallbackLengthRule:
    """A rule for the length, and a fixed length where no length makes the canaries forgotten.

    For comparisons: the edit then goes as far as it was published, and the figures say what that leaves. In a deployment the error of
    the rule is the answer.

    Attributes:
        rule: sets the length. length: taken where the rule raises EvidenceError; 1 is the edit as it was published.
    """

    rule: Calibrate
    length: float = 1.0

    def __call__(self, task: Any, model: Any, records: Any, erase: Erase) -> float:
        """Returns the length for `model`, trained on `records`."""
        try:
            return self.rule(task, model, records, erase)
        except EvidenceError:
            return self.length
