"""The packet inside an ICMP or ICMPv6 error.

Lives here: reading a header that somebody quoted, and perhaps cut short. May not live here: which connection it
belongs to. Its IP length and checksums are not judged: old stacks quote them altered, and the kernel does not either.
"""

from typing import Final

from mypy_extensions import i64

from conntrack.packet import icmp, ipv4, ipv6, reason
from conntrack.packet.addresses import pair_with_ports
from conntrack.packet.errors import Malformed
from conntrack.packet.gre import read_gre
from conntrack.packet.header import (
    DCCP,
    GRE,
    ICMP,
    ICMP_ERROR,
    ICMPV6,
    LATER_FRAGMENT,
    PLAIN,
    SCTP,
    TCP,
    UDP,
    UDPLITE,
    Packet,
)
from conntrack.packet.octets import u16, u32
from conntrack.packet.other import read_portless

#: every error quotes at least this much of the transport (RFC 792; RFC 4443 §2.4 asks for more)
QUOTED: Final = 8


def parse_embedded(packet: Packet, inner: Packet) -> None:
    """Fills `inner` from the packet that the ICMP(v6) error `packet` speaks of. Raises Malformed(BAD_EMBEDDED).

    inner.raw is the same bytes and its offsets point into them; it ends at packet.length at the latest.
    inner.pair is the direction that the inner packet had; inner.length is what its header says; inner.payload is past
    the eight bytes that are always quoted; of TCP only seq is there. Refused are an inner packet of the other IP
    version, a later fragment, and an error inside an error (RFC 1122 §3.2.2).
    """
    if packet.kind != ICMP_ERROR:
        raise Malformed(reason.BAD_EMBEDDED)
    inner.raw = packet.raw
    inner.network = packet.transport + icmp.HEADER
    inner.partial = False
    inner.seq = inner.ack = inner.flags = inner.window = 0
    try:
        if packet.version == 4:
            _read_inner_ipv4(inner, packet.length)
        else:
            _read_inner_ipv6(inner, packet.length)
        _read_inner_transport(inner, packet.length)
    except Malformed as malformed:
        raise Malformed(reason.BAD_EMBEDDED) from malformed


def _read_inner_ipv4(inner: Packet, end: i64) -> None:
    raw = inner.raw
    start = inner.network
    if start + 20 > end:
        raise Malformed(reason.TRUNCATED)
    first: i64 = raw[start]
    header = (first & 0x0F) << 2
    if first >> 4 != 4 or header < 20 or start + header > end:
        raise Malformed(reason.BAD_HEADER_LENGTH)
    inner.length = u16(raw, start + 2)
    ipv4.take_fields(raw, inner, header)


def _read_inner_ipv6(inner: Packet, end: i64) -> None:
    raw = inner.raw
    start = inner.network
    if start + 40 > end:
        raise Malformed(reason.TRUNCATED)
    if raw[start] >> 4 != 6:
        raise Malformed(reason.BAD_VERSION)
    inner.length = 40 + u16(raw, start + 4)
    ipv6.take_fields(raw, inner)
    ipv6.walk(inner, end)


def _read_inner_transport(inner: Packet, end: i64) -> None:
    protocol = inner.protocol
    if inner.fragment == LATER_FRAGMENT:
        raise Malformed(reason.FRAGMENT)
    if protocol == (ICMP if inner.version == 4 else ICMPV6):
        _require(inner, end)
        icmp.take_fields(inner)
        if inner.kind == ICMP_ERROR:
            raise Malformed(reason.BAD_EMBEDDED)
    elif protocol == TCP or protocol == UDP or protocol == UDPLITE or protocol == SCTP or protocol == DCCP:
        _require(inner, end)
        inner.kind = PLAIN
        inner.pair = pair_with_ports(inner)
        inner.payload = inner.transport + QUOTED
        if protocol == TCP:
            inner.seq = u32(inner.raw, inner.transport + 4)
    elif protocol == GRE:
        read_gre(inner, end)
    else:
        read_portless(inner)


def _require(inner: Packet, end: i64) -> None:
    if inner.transport + QUOTED > end:
        raise Malformed(reason.TRUNCATED)
