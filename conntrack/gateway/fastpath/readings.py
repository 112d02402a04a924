"""Which of many entries have been seen since the last time, and what these have done.

Lives here: picking them out of the bytes that a batch read returns. May not live here: system calls (kernelmap.py),
connections (returns.py). Compiled: most entries of a large table are idle at any moment, and cost four octets each.
"""

from __future__ import annotations

import sys
from struct import Struct
from typing import Final

from mypy_extensions import i64

#: (owner, flags, last_seen, packets, octets) out of an entry of either family
_READING: Final = Struct("=12xI10xBxIQQ")
_LAST_SEEN: Final = 28
# from the lowest octet of a number in the host's order to the next
_LOW: Final = 0 if sys.byteorder == "little" else 3
_UP: Final = 1 if sys.byteorder == "little" else -1

#: what one entry has done: (Connection.identity's 32 bits, flags (layout.REPLY), last_seen in ticks, packets, octets);
#: a plain tuple, since there are hundreds of thousands
Reading = tuple[int, int, int, int, int]

#: as `since`: whenever it was
ALL: Final = -1


def fresh(values: bytes, size: i64, since: i64) -> list[Reading]:
    """Of entries of `size` bytes, one after the other, those last seen at `since` (ticks, 32 bits) or later.

    ALL: all of them. Times are compared as on a circle: right for entries seen within the last 26 days.
    """
    found: list[Reading] = []
    length: i64 = len(values)
    low: i64 = _LOW
    up: i64 = _UP
    entry: i64 = 0
    while entry + size <= length:
        at: i64 = entry + _LAST_SEEN + low
        first: i64 = values[at]
        second: i64 = values[at + up]
        third: i64 = values[at + 2 * up]
        fourth: i64 = values[at + 3 * up]
        age: i64 = (fourth << 24 | third << 16 | second << 8 | first) - since
        if since == ALL or age & 0x8000_0000 == 0:
            found.append(_READING.unpack_from(values, int(entry)))
        entry += size
    return found
