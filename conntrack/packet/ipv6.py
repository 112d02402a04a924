"""The IPv6 header and its chain of extension headers (RFC 8200, RFC 4302 for AH).

Lives here: header, chain, fragment header. May not live here: the transport (parse.py picks its reader).
The chain ends at the first header that is not one of the five walked here, as in the kernel's ipv6_skip_exthdr.
"""

from typing import Final

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.packet.errors import Malformed
from conntrack.packet.header import FIRST_FRAGMENT, LATER_FRAGMENT, WHOLE, Packet
from conntrack.packet.octets import u16

HOP_BY_HOP: Final = 0
ROUTING: Final = 43
FRAGMENT: Final = 44
AUTHENTICATION: Final = 51
DESTINATION: Final = 60

#: more extension headers than any real sender chains (RFC 8200 §4.1 recommends at most seven)
MAX_EXTENSIONS: Final = 8


def read_ipv6(raw: bytes, packet: Packet) -> None:
    """Reads the header at the start of `raw` and the chain behind it. Raises Malformed.

    Bytes past the payload length are link padding, as for the kernel (ipv6_rcv cuts them off).
    """
    size: i64 = len(raw)
    if size < 40:
        raise Malformed(reason.TRUNCATED)
    length = 40 + u16(raw, 4)
    if length > size:
        raise Malformed(reason.BAD_TOTAL_LENGTH)
    if raw[8] == 0xFF:  # a group cannot be a sender (RFC 4291 §2.7)
        raise Malformed(reason.BAD_ADDRESS)
    packet.network = 0
    packet.length = length
    take_fields(raw, packet)
    walk(packet, length)


def take_fields(raw: bytes, packet: Packet) -> None:
    """Fills the fields of the IPv6 header at packet.network; all 40 bytes are there. walk() must follow."""
    start = packet.network
    packet.version = 6
    packet.tos = u16(raw, start) >> 4 & 0xFF
    packet.protocol = raw[start + 6]
    packet.hop_limit = raw[start + 7]
    packet.transport = start + 40
    packet.fragment = WHOLE
    packet.options = False


def walk(packet: Packet, end: i64) -> None:
    """Moves packet.protocol and .transport past the extension headers; stops at a later fragment. Raises Malformed."""
    count: i64 = 0
    fragment_seen = False
    while is_extension(packet.protocol):
        count += 1
        if count > MAX_EXTENSIONS:
            raise Malformed(reason.TOO_MANY_EXTENSIONS)
        misplaced = (packet.protocol == HOP_BY_HOP and count > 1) or (packet.protocol == FRAGMENT and fragment_seen)
        if misplaced:
            raise Malformed(reason.BAD_EXTENSION)
        fragment_seen = fragment_seen or packet.protocol == FRAGMENT
        packet.options = True
        _step(packet, end)
        if packet.fragment == LATER_FRAGMENT:
            return


def is_extension(protocol: i64) -> bool:
    """Whether walk() passes this header. ESP hides what follows, and 59 (none) is followed by nothing."""
    return (
        protocol == HOP_BY_HOP
        or protocol == ROUTING
        or protocol == FRAGMENT
        or protocol == AUTHENTICATION
        or protocol == DESTINATION
    )


def _step(packet: Packet, end: i64) -> None:
    """Passes the one header at packet.transport."""
    raw = packet.raw
    at = packet.transport
    if at + 8 > end:
        raise Malformed(reason.BAD_EXTENSION)
    kind = packet.protocol
    size = _size(kind, raw[at + 1])
    if at + size > end:
        raise Malformed(reason.BAD_EXTENSION)
    if kind == ROUTING and raw[at + 3] != 0:
        # The last destination is inside the header: neither policy nor checksum could be judged by the outer
        # one. For the kernel's conntrack such a segment is INVALID too, since its checksum looks wrong.
        raise Malformed(reason.BAD_EXTENSION)
    if kind == FRAGMENT:
        _take_fragment(packet, u16(raw, at + 2))
    packet.protocol = raw[at]
    packet.transport = at + size


def _size(kind: i64, field: i64) -> i64:
    """The length in bytes of an extension header whose length field is `field`."""
    if kind == FRAGMENT:
        return 8
    if kind == AUTHENTICATION:
        return max((field + 2) << 2, 12)  # in words of four bytes, and never without its fixed part
    return (field + 1) << 3


def _take_fragment(packet: Packet, field: i64) -> None:
    """Takes offset and M flag. Both zero is an atomic fragment, a whole datagram (RFC 6946)."""
    if field & 0xFFF8:
        packet.fragment = LATER_FRAGMENT
    elif field & 1:
        packet.fragment = FIRST_FRAGMENT
