"""What an entry has done, out of the bytes that a batch read returns.

Lives here: its fields, at their places in entries of either family. May not live here: system calls (kernelmap.py),
connections (returns.py). Compiled: of a large table most entries are idle at any moment, and cost the reading of one
number each; an object for every entry would cost ten times as much.
"""

from __future__ import annotations

import sys
from typing import Final

from mypy_extensions import i64

#: as `since`: whenever it was
ALL: Final = -1

# places of fields in an entry (layout.HEAD_FIELDS)
_SLOT: Final = 4
_OWNER: Final = 8
_FLAGS: Final = 22
_LAST_SEEN: Final = 24
_PACKETS: Final = 28
_OCTETS: Final = 32
# from the lowest octet of a 32-bit number in the host's order to the next; of a 64-bit number, to the lower half
_LOW: Final = 0 if sys.byteorder == "little" else 3
_UP: Final = 1 if sys.byteorder == "little" else -1
_LOWER: Final = 0 if sys.byteorder == "little" else 4


def is_fresh(values: bytes, entry: i64, since: i64) -> bool:
    """Whether the entry at an offset was last seen at `since` (ticks, 32 bits) or later.

    Times are compared as on a circle: right for entries seen within the last 26 days.
    """
    if since == ALL:
        return True
    age: i64 = last_seen(values, entry) - since
    return age & 0x8000_0000 == 0


def slot(values: bytes, entry: i64) -> i64:
    """Where the connection is known by, among those that are in the maps now."""
    return _number(values, entry + _SLOT)


def owner(values: bytes, entry: i64) -> i64:
    """Connection.identity, 32 bits of it."""
    return _number(values, entry + _OWNER)


def flags(values: bytes, entry: i64) -> i64:
    """layout.REPLY and others."""
    found: i64 = values[entry + _FLAGS]
    return found


def last_seen(values: bytes, entry: i64) -> i64:
    """In ticks, 32 bits."""
    return _number(values, entry + _LAST_SEEN)


def packets(values: bytes, entry: i64) -> i64:
    """All that the direction has had, 32 bits of it."""
    return _number(values, entry + _PACKETS)


def octets(values: bytes, entry: i64) -> i64:
    """All that the direction has had."""
    return _long(values, entry + _OCTETS)


def _number(values: bytes, place: i64) -> i64:
    low: i64 = place + _LOW
    up: i64 = _UP
    first: i64 = values[low]
    second: i64 = values[low + up]
    third: i64 = values[low + 2 * up]
    fourth: i64 = values[low + 3 * up]
    return fourth << 24 | third << 16 | second << 8 | first


def _long(values: bytes, place: i64) -> i64:
    lower: i64 = _LOWER
    return _number(values, place + 4 - lower) << 32 | _number(values, place + lower)
