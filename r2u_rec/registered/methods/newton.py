"""The down-dated Newton step on the rows that a request met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from r2u_rec.errors import SettingsError
from r2u_rec.registry.specs import MethodSpec, setting

if TYPE_CHECKING:
    from r2u_rec.core.protocols import Method
    from r2u_rec.registry.context import MethodContext

MEASURED = "measured on ml-100k"
Evidence = Literal["fold_in", "own_loss", "adaptive"]


@dataclass(frozen=True)
class NewtonSettings:
    """One Newton step a row, from curvature kept at the end of training; retained data is not read. Approximate."""

    length: float | Literal["canaries", "shadow"] = setting(
        1.0,
        "length of the step; canaries: set once at the end of training by users whose removal is simulated, needs calibration users; "
        "shadow: canaries judged against one more training without them",
        MEASURED,
    )
    damping: float = setting(0.1, "added to the diagonal", MEASURED)
    n_draws: int = setting(32, "negatives an interaction in the request's gradient", MEASURED)
    n_kept: int = setting(1, "negatives an interaction in what is kept, which grows with it")
    table_shares: tuple[str, ...] = setting((), "TABLE=SHARE of the length that a table moves by, such as input_rows=0.3; else 1")
    evidence: Evidence = setting(
        "fold_in", "what canaries are judged by; own_loss suits sequences, adaptive (both, with length=shadow) histories", MEASURED
    )
    longest: float = setting(3.0, "longest step that canaries try")
    tables: tuple[str, ...] | None = setting(None, "shell patterns of the tables edited; null: all that the model can say how it meets")


def shares_of(words: tuple[str, ...]) -> dict[str, float]:
    """Returns table -> share of words such as input_rows=0.3; SettingsError when one is no TABLE=NUMBER."""
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise SettingsError(f"table_shares takes TABLE=NUMBER, such as input_rows=0.3, got {word!r}") from None
    return found


def _newton(context: MethodContext, s: NewtonSettings) -> Method:
    from r2u_rec.unlearn.curvature.block_newton import BlockNewton
    from r2u_rec.unlearn.post_hoc import PostHoc

    length = context.length(s.length, evidence=s.evidence, longest=s.longest)
    edit = BlockNewton(length, s.damping, s.n_draws, s.n_kept, tables=s.tables, shares=shares_of(s.table_shares))
    return PostHoc(context.trainer(), edit)


NEWTON = MethodSpec(
    name="newton",
    title="Newton, item blocks",
    source="ours: down-dated Newton step a row",
    family="edit",
    reads="request",
    settings=NewtonSettings,
    needs=frozenset({"row interactions"}),
    build=_newton,
)
