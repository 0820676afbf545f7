"""Records that may not be read, and tasks that count how often a model was attached."""

from __future__ import annotations

import copy
from typing import Any

from r2u_rec.ids import Ids


class LockedRecords:
    """Records of which nothing but the ids and the division into forgotten and remaining is available.

    Reading anything else raises AssertionError. The records to forget, and they alone, come out open.
    """

    def __init__(self, opened: Any) -> None:
        self.__dict__["opened"] = opened

    @property
    def ids(self) -> Ids:
        ids: Ids = self.opened.ids
        return ids

    def __len__(self) -> int:
        return len(self.opened)

    def keep(self, ids: Ids) -> Any:
        """Returns the open records `ids`."""
        return self.opened.keep(ids)

    def drop(self, ids: Ids) -> LockedRecords:
        """Returns the remaining records, locked."""
        return LockedRecords(self.opened.drop(ids))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AssertionError(f"retained data was read: {name}")


def watched(task: Any) -> Any:
    """Returns a copy of the task whose `attach` counts its calls as `model.attached`, and opens locked records for that alone.

    The copy keeps the class of the task. A task whose class has `__slots__` cannot be watched.
    """
    if task is None:
        return None
    twin, attach = copy.copy(task), task.attach

    def counted(model: Any, records: Any) -> None:
        attach(model, records.opened if isinstance(records, LockedRecords) else records)
        model.__dict__["attached"] = model.__dict__.get("attached", 0) + 1

    object.__setattr__(twin, "attach", counted)
    return twin
