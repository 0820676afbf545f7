"""All scorers: the command line, the documentation and explanations read them here.

python -m r2u_rec.revocability.scorers.registry docs/scorers.md     # writes the documentation
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from r2u_rec.registry.tables import SCORERS
from r2u_rec.revocability.scorers.card import Scorer as Scorer
from r2u_rec.revocability.scorers.card import card_of


class _Cards(Mapping[str, Scorer]):
    """Name -> card of every scorer, those that other packages bring or a script has registered among them."""

    def __getitem__(self, name: str) -> Scorer:
        if name not in SCORERS:
            raise KeyError(name)
        return card_of(SCORERS.get(name))

    def __iter__(self) -> Iterator[str]:
        return iter(SCORERS)

    def __len__(self) -> int:
        return len(SCORERS.names())


REGISTRY: Mapping[str, Scorer] = _Cards()
"""Every scorer by its name."""
