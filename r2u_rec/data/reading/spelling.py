"""Numbers as text: which integer a key spells, if it spells one."""

from __future__ import annotations

import re

_SPELLED = re.compile(r"\s*([+-]?[0-9]{1,100})(\.0*)?\s*")


def spelled_integer(key: str) -> int | None:
    """Returns the integer that "7", "007", "+7" or "7.0" spells, or None for text that spells none, such as "1_0".

    Keys are never matched by this; it only finds keys that are one number in two spellings.
    """
    found = _SPELLED.fullmatch(key)
    return int(found[1]) if found else None
