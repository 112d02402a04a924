"""CRC32c (Castagnoli), the checksum of SCTP (RFC 9260 Appendix A).

Lives here: the table and one loop. May not live here: SCTP's header (other.py, patch.py).
"""

from typing import Final

from mypy_extensions import i64

#: 0x1EDC6F41 with its bits reversed, as the algorithm shifts right
_POLYNOMIAL: Final = 0x82F63B78


def _entry(octet: int) -> int:
    for _ in range(8):
        octet = (octet >> 1) ^ (_POLYNOMIAL if octet & 1 else 0)
    return octet


_TABLE: Final[list[int]] = [_entry(octet) for octet in range(256)]
_ZERO: Final = bytes(4)


def update(state: i64, raw: bytes, start: i64, end: i64) -> i64:
    """Takes raw[start:end] into a running state, which begins as 0xFFFFFFFF and is complemented at the end."""
    at = start
    while at < end:
        octet: i64 = raw[at]
        entry: i64 = _TABLE[(state ^ octet) & 0xFF]
        state = (state >> 8) ^ entry
        at += 1
    return state


def sctp_checksum(raw: bytes, start: i64, end: i64) -> i64:
    """The checksum of the SCTP packet raw[start:end], its own field (bytes 8–11) taken as zero.

    SCTP sends this number with its *least* significant byte first.
    """
    state = update(0xFFFFFFFF, raw, start, start + 8)
    state = update(state, _ZERO, 0, 4)
    state = update(state, raw, start + 12, end)
    return state ^ 0xFFFFFFFF
