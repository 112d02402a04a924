"""One IP packet as a piece of a datagram: where it belongs, and what it brings.

Lives here: reading the fragment fields (RFC 791 §2.3, RFC 8200 §4.5). May not live here: putting pieces together
(reassembly.py), the transport.
"""

from typing import Final

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.packet.errors import Malformed
from conntrack.packet.header import Packet
from conntrack.packet.ipv4 import read_ipv4
from conntrack.packet.ipv6 import DESTINATION, FRAGMENT, HOP_BY_HOP, ROUTING
from conntrack.packet.octets import u16

#: so many bytes an IPv4 datagram or the payload of an IPv6 one has at most
LONGEST: Final = 65535

_BEFORE: Final = frozenset({HOP_BY_HOP, ROUTING, DESTINATION})


class Piece:
    """A fragment. Offsets are bytes of the datagram's fragmentable part."""

    def __init__(self, key: bytes, start: i64, data: bytes, more: bool, head: bytes) -> None:
        self.key = key  # what all pieces of one datagram share
        self.start: i64 = start
        self.data = data
        self.more = more  # others follow it
        self.head = head  # the headers to put before the datagram once it is whole, lengths not yet right


def read_piece(raw: bytes) -> Piece | None:
    """The piece that a packet is; None for a whole packet (an atomic fragment is one, RFC 6946).

    Raises Malformed: its IP header cannot be read, or it ends where no piece can.
    """
    if not raw:
        raise Malformed(reason.TRUNCATED)
    version = raw[0] >> 4
    if version == 4:
        return _piece4(raw)
    if version == 6:
        return _piece6(raw)
    raise Malformed(reason.BAD_VERSION)


def _piece4(raw: bytes) -> Piece | None:
    """As Linux: a piece that others follow is cut to a multiple of eight bytes."""
    packet = Packet()
    read_ipv4(raw, packet)
    field = u16(raw, 6)
    if field & 0x3FFF == 0:
        return None
    more = field & 0x2000 != 0
    end = packet.length
    if more:
        end -= (end - packet.transport) & 7
    key = b"\4" + raw[4:6] + raw[9:10] + raw[12:20]
    return _made(key, (field & 0x1FFF) << 3, raw[packet.transport : end], more, raw[: packet.transport])


def _piece6(raw: bytes) -> Piece | None:
    """Only the headers that stand before a fragment header are passed: what is behind it may lie in another piece."""
    if len(raw) < 40:
        raise Malformed(reason.TRUNCATED)
    end = 40 + u16(raw, 4)
    if end > len(raw):
        raise Malformed(reason.BAD_TOTAL_LENGTH)
    kind: i64 = raw[6]
    at: i64 = 40
    names: i64 = 6  # where the type of the header at `at` is written
    while int(kind) in _BEFORE:
        if at + 8 > end:
            raise Malformed(reason.BAD_EXTENSION)
        kind = raw[at]
        names = at
        size: i64 = raw[at + 1]
        at += (size + 1) << 3
    if kind != FRAGMENT:
        return None
    if at + 8 > end:
        raise Malformed(reason.BAD_EXTENSION)
    field = u16(raw, at + 2)
    if field & 0xFFF9 == 0:
        return None
    more = field & 1 != 0
    if more and (end - at) & 7:
        raise Malformed(reason.FRAGMENT)
    key = b"\6" + raw[at + 4 : at + 8] + raw[8:40]
    head = raw[:names] + raw[at : at + 1] + raw[names + 1 : at]
    return _made(key, field & 0xFFF8, raw[at + 8 : end], more, head)


def _made(key: bytes, start: i64, data: bytes, more: bool, head: bytes) -> Piece:
    """A piece that can be one: not empty, and not past the longest datagram."""
    end = start + len(data)
    if end == start or end + (len(head) if key[0] == 4 else len(head) - 40) > LONGEST:
        raise Malformed(reason.FRAGMENT)
    return Piece(key, start, data, more, head)
