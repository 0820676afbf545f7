"""FRU: federated unlearning, which trains by rounds of its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from r2u_rec.registry.specs import MethodSpec, setting

if TYPE_CHECKING:
    from r2u_rec.core.protocols import Method
    from r2u_rec.registry.context import MethodContext


@dataclass(frozen=True)
class FruSettings:
    """FRU: rolls back to before the first round and calibrates the stored updates of those who stay. Approximate."""

    kept_share: float = setting(0.5, "share of each client's update that is stored", "Yuan et al. 2023")
    calibration_share: float = setting(0.3, "share of the rounds' length that calibration trains", "Yuan et al. 2023")


def _fru(context: MethodContext, s: FruSettings) -> Method:
    from r2u_rec.recsys.federated.fru import Fru

    return Fru(**asdict(s))  # type: ignore[return-value]  # `needs` admits models with a ranking task only


FRU = MethodSpec(
    name="fru",
    title="FRU",
    source="Yuan et al. 2023, federated: roll back and calibrate",
    family="federated",
    reads="retained",
    settings=FruSettings,
    needs=frozenset({"steps", "losses", "tables", "rows"}),
    build=_fru,
)
