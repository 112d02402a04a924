"""SCTP chunks (RFC 9260 §3), as far as tracking an association needs them.

Lives here: walking the chunks, and which may stand where. May not live here: associations (tracker/sctp).
"""

from typing import Final

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.packet.errors import Malformed
from conntrack.packet.header import Packet
from conntrack.packet.octets import u16, u32

# chunk types (IANA "SCTP Chunk Types")
DATA: Final = 0
INIT: Final = 1
INIT_ACK: Final = 2
SACK: Final = 3
HEARTBEAT: Final = 4
HEARTBEAT_ACK: Final = 5
ABORT: Final = 6
SHUTDOWN: Final = 7
SHUTDOWN_ACK: Final = 8
ERROR: Final = 9
COOKIE_ECHO: Final = 10
COOKIE_ACK: Final = 11
SHUTDOWN_COMPLETE: Final = 14

#: bytes of a chunk's own header, and of INIT and INIT ACK without parameters
HEADER: Final = 4
_INIT_LENGTH: Final = 20

#: types of this number and above are not told apart in a set of types
_TYPES: Final = 16
_ALONE: Final = 1 << INIT | 1 << INIT_ACK | 1 << SHUTDOWN_COMPLETE
_FIRST: Final = 1 << COOKIE_ECHO | 1 << COOKIE_ACK


def verification_tag(packet: Packet) -> i64:
    """The tag in the common header."""
    return u32(packet.raw, packet.transport + 4)


def check_chunks(packet: Packet) -> i64:
    """Walks every chunk; returns the set of their types: bit N for a type N below 16.

    Raises Malformed(BAD_CHUNK): no chunk, a length that cannot be, INIT, INIT ACK or SHUTDOWN COMPLETE beside another
    chunk, a cookie chunk that is not the first. Up to three bytes after the last chunk are taken for padding.
    """
    raw = packet.raw
    at = packet.payload
    end = packet.length
    types: i64 = 0
    while at + HEADER <= end:
        length = u16(raw, at + 2)
        if length < HEADER or at + length > end:
            raise Malformed(reason.BAD_CHUNK)
        kind: i64 = raw[at]
        bit: i64 = 1 << kind if kind < _TYPES else 0
        if at != packet.payload and (types | bit) & _ALONE | bit & _FIRST:
            raise Malformed(reason.BAD_CHUNK)
        if (kind == INIT or kind == INIT_ACK) and length < _INIT_LENGTH:
            raise Malformed(reason.BAD_CHUNK)
        types |= bit
        at += length + 3 & ~3
    if at == packet.payload:
        raise Malformed(reason.BAD_CHUNK)
    return types


def following(packet: Packet, at: i64) -> i64:
    """The offset of the chunk after the one at `at`, in a packet whose chunks were checked; -1 after the last."""
    following = at + (u16(packet.raw, at + 2) + 3 & ~3)
    return following if following + HEADER <= packet.length else -1


def initiate_tag(packet: Packet, at: i64) -> i64:
    """The tag that the sender of the INIT or INIT ACK at `at` wants to be addressed with."""
    return u32(packet.raw, at + HEADER)


def reflects(packet: Packet, at: i64) -> bool:
    """The T bit of an ABORT or SHUTDOWN COMPLETE: the sender had no association, and so used the receiver's own tag."""
    return packet.raw[at + 1] & 1 != 0
