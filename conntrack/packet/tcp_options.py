"""TCP options, read only when somebody asks (RFC 9293 §3.2, RFC 7323, RFC 2018).

Lives here: walking the list. May not live here: what the values mean for a window (tracker/tcp). The list is at
most 40 bytes long, which bounds every walk. Every function raises Malformed(BAD_OPTION) for a length that cannot be,
wherever in the list it stands; of an option given twice the last counts, as for the kernel.
"""

from typing import Final

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.packet.errors import Malformed
from conntrack.packet.header import Packet
from conntrack.packet.octets import u16, u32

END: Final = 0
NOP: Final = 1
MSS: Final = 2
WINDOW_SCALE: Final = 3
SACK_PERMITTED: Final = 4
SACK: Final = 5

#: RFC 7323 §2.3: a larger shift is used as this one
MAX_SCALE: Final = 14

#: what nearly every segment of a Linux sender carries: two NOPs and a timestamp
_TIMESTAMP_ALONE: Final = 0x0101080A


def mss(packet: Packet) -> i64:
    """The maximum segment size that this segment offers; 0 when it does not."""
    at = find(packet, MSS, 4)
    return u16(packet.raw, at + 2) if at else 0


def scale_and_sack(packet: Packet) -> tuple[i64, bool]:
    """The window scale (0–14; −1 when not offered), and whether selective acknowledgement is permitted."""
    at = find(packet, WINDOW_SCALE, 3)
    scale: i64 = -1
    if at:
        scale = packet.raw[at + 2]
        scale = min(scale, MAX_SCALE)
    return scale, find(packet, SACK_PERMITTED, 2) != 0


def highest_sack(packet: Packet) -> i64:
    """The highest right edge that the segment acknowledges: that of its SACK blocks, or packet.ack.

    Compared modulo 2**32, from packet.ack on. Segments without options or with a timestamp alone are not walked.
    """
    raw = packet.raw
    at = packet.transport + 20
    end = packet.payload
    highest = packet.ack
    if at == end or (end - at == 12 and u32(raw, at) == _TIMESTAMP_ALONE):
        return highest
    while at < end:
        following = after(raw, at, end)
        if raw[at] == SACK:
            highest = _highest_edge(raw, at, following, highest)
        at = following
    return highest


def find(packet: Packet, kind: i64, size: i64) -> i64:
    """The offset of the last option of that kind, which must be `size` bytes long; 0 when there is none."""
    raw = packet.raw
    at = packet.transport + 20
    end = packet.payload
    found: i64 = 0
    while at < end:
        following = after(raw, at, end)
        if raw[at] == kind:
            if following - at != size:
                raise Malformed(reason.BAD_OPTION)
            found = at
        at = following
    return found


def after(raw: bytes, at: i64, end: i64) -> i64:
    """The offset of the option after the one at `at`; `end` when the list is over."""
    kind: i64 = raw[at]
    if kind == END:
        return end
    if kind == NOP:
        return at + 1
    size: i64 = raw[at + 1] if at + 1 < end else 0
    if size < 2 or at + size > end:
        raise Malformed(reason.BAD_OPTION)
    return at + size


def _highest_edge(raw: bytes, at: i64, end: i64, highest: i64) -> i64:
    """The highest of `highest` and the right edges in the SACK option raw[at:end]."""
    if end - at < 10 or (end - at - 2) & 7:
        raise Malformed(reason.BAD_OPTION)
    block = at + 2
    while block < end:
        edge = u32(raw, block + 4)
        if 0 < (edge - highest) & 0xFFFFFFFF <= 0x80000000:
            highest = edge
        block += 8
    return highest
