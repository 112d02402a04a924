"""Reading and writing the integers of a header.

Lives here: network byte order and nothing else. May not live here: any knowledge of a header. Callers check
the bounds first: reading past the end is a bug here, not a malformed packet.
"""

from typing import Final

from mypy_extensions import i64

#: every octet as a `bytes` of its own: joining two of these is the fastest way to write a 16-bit field
OCTETS: Final[list[bytes]] = [bytes((value,)) for value in range(256)]


def u16(raw: bytes, at: i64) -> i64:
    """The unsigned 16-bit integer at an offset."""
    high: i64 = raw[at]
    low: i64 = raw[at + 1]
    return high << 8 | low


def u32(raw: bytes, at: i64) -> i64:
    """The unsigned 32-bit integer at an offset."""
    first: i64 = raw[at]
    second: i64 = raw[at + 1]
    third: i64 = raw[at + 2]
    fourth: i64 = raw[at + 3]
    return first << 24 | second << 16 | third << 8 | fourth


def word(value: i64) -> bytes:
    """Two bytes for a value of 0–65535."""
    return OCTETS[value >> 8] + OCTETS[value & 0xFF]
