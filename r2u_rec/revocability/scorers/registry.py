"""All scorers: the command line, the documentation and explanations read them here.

python -m r2u_rec.revocability.scorers.registry docs/scorers.md     # writes the documentation
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from r2u_rec.revocability.scorers import behaviour, exposure
from r2u_rec.revocability.scorers.blend import blend, supplied, uniform
from r2u_rec.revocability.scorers.card import Scorer as Scorer
from r2u_rec.revocability.scorers.card import card_of

_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    blend,
    behaviour.engagement,
    behaviour.active_days,
    behaviour.sessions,
    behaviour.recent_intensity,
    behaviour.evolving_interest,
    behaviour.stability,
    behaviour.inactive_seconds,
    behaviour.churn,
    behaviour.hazard,
    exposure.uniqueness,
    exposure.crowd,
    exposure.sensitivity,
    exposure.disclosure,
    supplied,
    uniform,
)

REGISTRY: Mapping[str, Scorer] = {card.name: card for card in map(card_of, _FUNCTIONS)}
"""Every scorer by its name."""
