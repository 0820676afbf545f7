"""Our records as a data set of recbole, made in memory: every code has its index, whether it has records or not."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from r2u_rec.data.log import InteractionLog
from r2u_rec.recsys.recbole.library import recbole_module

USER, ITEM, LABEL, RATING, TIME, NEGATIVE = "user_id", "item_id", "label", "rating", "timestamp", "neg_item_id"


@cache
def dataset_class() -> Any:
    """Returns the library's Dataset, filled from columns instead of files; what models ask of it is the library's own."""

    class Columns(recbole_module("recbole.data.dataset").Dataset):  # type: ignore[misc]
        def __init__(self, config: Any, records: InteractionLog) -> None:
            self.records = records
            super().__init__(config)
            del self.records

        def _from_scratch(self) -> None:
            kinds, sources = recbole_module("recbole.utils").FeatureType, recbole_module("recbole.utils").FeatureSource
            self._get_preset()
            self._get_field_from_config()
            for field, n, source in (
                (USER, self.records.n_users, sources.USER_ID),
                (ITEM, self.records.n_items, sources.ITEM_ID),
            ):
                self.set_field_property(field, kinds.TOKEN, source, 1)
                self.field2id_token[field] = np.arange(n + 1)  # an index is its own name: the customer's keys stay outside
            for field in (LABEL, RATING, TIME):
                self.set_field_property(field, kinds.FLOAT, sources.INTERACTION, 1)
            self.user_feat = self.item_feat = None
            self.feat_name_list = ["inter_feat"]
            self.inter_feat = recbole_module("recbole.data.interaction").Interaction(columns(self.records))

    return Columns


def columns(records: InteractionLog) -> dict[str, torch.Tensor]:
    """Returns the records as recbole names and counts them: indices are codes + 1, since its index 0 stands for padding."""
    found = {USER: indices(records.user), ITEM: indices(records.item)}
    if records.rating is not None:
        found[RATING] = torch.from_numpy(records.rating.copy())
    if records.time is not None:
        found[TIME] = torch.from_numpy(records.time.astype(np.float64))
    return found


def indices(codes: Any) -> torch.Tensor:
    """Returns recbole's int64 indices of user or item codes."""
    return torch.from_numpy(np.asarray(codes, dtype=np.int64) + 1)
