"""The headers of ICMP (RFC 792, 950) and ICMPv6 (RFC 4443, 4620).

Lives here: which messages are queries, errors or neither, and their checksum. May not live here: the packet inside
an error (embedded.py).
"""

from typing import Final

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.packet.addresses import addresses, transport_sum
from conntrack.packet.checksum import range_sum
from conntrack.packet.errors import Malformed
from conntrack.packet.header import ICMP_ERROR, ICMP_OTHER, ICMP_QUERY, WHOLE, Packet

#: echo, timestamp, information, address mask: request and reply
QUERIES: Final = (0, 8, 13, 14, 15, 16, 17, 18)
#: unreachable, source quench, redirect, time exceeded, parameter problem
ERRORS: Final = (3, 4, 5, 11, 12)
#: echo and node information
QUERIES_V6: Final = (128, 129, 139, 140)

_KINDS: Final = bytes(
    [ICMP_QUERY if kind in QUERIES else ICMP_ERROR if kind in ERRORS else ICMP_OTHER for kind in range(256)]
)
#: types under 128 are errors, the unassigned ones as well (RFC 4443 §2.1)
_KINDS_V6: Final = bytes(
    [ICMP_QUERY if kind in QUERIES_V6 else ICMP_ERROR if kind < 128 else ICMP_OTHER for kind in range(256)]
)

#: the kernel asks for eight bytes of either, and no message in use is shorter
HEADER: Final = 8


def read_icmp(packet: Packet, verify: bool) -> None:
    """Reads the header at packet.transport; the checksum too when `verify` and not fragmented. Raises Malformed."""
    start = packet.transport
    if start + HEADER > packet.length:
        raise Malformed(reason.TRUNCATED)
    if verify and packet.fragment == WHOLE and range_sum(packet.raw, start, packet.length) != 0:
        raise Malformed(reason.BAD_CHECKSUM)
    take_fields(packet)


def read_icmpv6(packet: Packet, verify: bool) -> None:
    """The same for ICMPv6, whose checksum covers the pseudo header as well."""
    size = packet.length - packet.transport
    if size < HEADER:
        raise Malformed(reason.TRUNCATED)
    if verify and packet.fragment == WHOLE and transport_sum(packet, size, size) != 0:
        raise Malformed(reason.BAD_CHECKSUM)
    take_fields(packet)


def take_fields(packet: Packet) -> None:
    """Fills kind, pair and payload from the eight bytes at packet.transport."""
    raw = packet.raw
    start = packet.transport
    kind: i64 = raw[start]
    packet.kind = _KINDS[kind] if packet.version == 4 else _KINDS_V6[kind]
    identifier = raw[start + 4 : start + 6] if packet.kind == ICMP_QUERY else b"\0\0"
    packet.pair = addresses(packet) + identifier + raw[start : start + 2]
    packet.payload = start + HEADER
