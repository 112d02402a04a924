"""An IPv6 packet as an IPv4 one and the other way round (RFC 7915 §4.1, §5.1).

Lives here: IP headers and fragments. May not live here: transport headers (transport64.py), ICMP errors (error64.py),
which packets are translated and to what socket pair (nat/, engine/). TCP, UDP and echo only, the protocols of RFC 6146.

Options and extension headers are left out, as the RFC wants.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.packet.checksum import ones_sum
from conntrack.packet.header import ICMP, ICMPV6, Packet
from conntrack.packet.icmp64 import SMALLEST
from conntrack.packet.ipv6 import AUTHENTICATION, FRAGMENT
from conntrack.packet.octets import OCTETS, u16, word
from conntrack.packet.transport64 import transport

HEADER4: Final = 20
HEADER6: Final = 40
_FRAGMENT_HEADER: Final = 8
#: what a fragment carries: a multiple of eight that leaves every packet within what every IPv6 link takes
_PIECE: Final = (SMALLEST - HEADER6 - _FRAGMENT_HEADER) // 8 * 8
#: an IPv4 packet up to here is not larger than what every IPv6 link takes: its size says nothing of the path's
_FREE: Final = SMALLEST - HEADER6 + HEADER4
_DONT_FRAGMENT: Final = 0x4000
_LONGEST: Final = 65535
_LOOSE_ROUTE: Final = 131
_STRICT_ROUTE: Final = 137


def to_ipv4(packet: Packet, pair: bytes, change: i64, hops: i64, tos: i64, identification: i64, cut: bool) -> bytes:
    """The IPv6 packet with the IPv4 socket pair `pair`; b"" where it has no translation.

    change: what the pair adds to the transport's sum, delta(packet.pair, pair); identification: 0–65535; cut: routers
    may fragment it, as they may every packet of up to 1260 bytes.
    """
    if is_authenticated(packet):
        return b""
    body = transport(packet, pair, change, packet.length)
    size: i64 = HEADER4 + len(body)
    if not body or size > _LONGEST:
        return b""
    flags: i64 = 0 if cut or size <= _FREE else _DONT_FRAGMENT
    protocol: i64 = ICMP if packet.protocol == ICMPV6 else packet.protocol
    return ipv4_header(tos, size, identification, flags, hops, protocol, pair[:8]) + body


def to_ipv6(packet: Packet, pair: bytes, change: i64, hops: i64, tos: i64, cut: bool) -> list[bytes]:
    """The IPv4 packet with the IPv6 socket pair `pair`: one packet, fragments, or [] where it has no translation.

    cut: one over 1280 bytes is fragmented, since only its sender could do so on the way.
    """
    if is_source_routed(packet):
        return []
    body = transport(packet, pair, change, packet.length)
    if not body:
        return []
    protocol: i64 = ICMPV6 if packet.protocol == ICMP else packet.protocol
    if not cut or HEADER6 + len(body) <= SMALLEST:
        return [ipv6_header(tos, len(body), protocol, hops, pair[:32]) + body]
    identification = bytes(2) + packet.raw[packet.network + 4 : packet.network + 6]
    return _fragments(body, ipv6_header(tos, 0, FRAGMENT, hops, pair[:32]), protocol, identification)


def ipv4_header(
    tos: i64, size: i64, identification: i64, flags: i64, hops: i64, protocol: i64, addresses: bytes
) -> bytes:
    """An IPv4 header without options. size: of the whole packet."""
    start = b"%b%b%b%b%b%b%b" % (
        b"\x45",
        OCTETS[tos],
        word(size),
        word(identification),
        word(flags),
        OCTETS[hops],
        OCTETS[protocol],
    )
    return b"%b%b%b" % (start, word(0xFFFF - ones_sum(start + addresses)), addresses)


def ipv6_header(tos: i64, size: i64, protocol: i64, hops: i64, addresses: bytes) -> bytes:
    """An IPv6 header. size: of what follows it."""
    return b"%b%b%b%b%b%b" % (
        word(0x6000 | tos << 4),
        b"\0\0",
        word(size),
        OCTETS[protocol],
        OCTETS[hops],
        addresses,
    )


def is_authenticated(packet: Packet) -> bool:
    """Whether an authentication header is in the chain: what it signs does not outlive a translation."""
    if not packet.options or packet.version == 4:
        return False
    raw = packet.raw
    kind: i64 = raw[packet.network + 6]
    at = packet.network + HEADER6
    while at < packet.transport:
        if kind == AUTHENTICATION:
            return True
        size: i64 = 8 if kind == FRAGMENT else (i64(raw[at + 1]) + 1) << 3
        kind = raw[at]
        at += size
    return False


def is_source_routed(packet: Packet) -> bool:
    """Whether a source route in the IPv4 options still has a hop to go (RFC 7915 §4.1 drops such a packet)."""
    if not packet.options or packet.version == 6:
        return False
    raw = packet.raw
    at = packet.network + HEADER4
    while at < packet.transport:
        kind: i64 = raw[at]
        if kind == 0:
            return False
        if kind == 1:
            at += 1
            continue
        size: i64 = raw[at + 1]
        if (kind == _LOOSE_ROUTE or kind == _STRICT_ROUTE) and size > 2 and i64(raw[at + 2]) <= size:
            return True
        at += size
    return False


def may_fragment(packet: Packet) -> bool:
    """Whether an IPv4 packet's sender lets routers fragment it."""
    return u16(packet.raw, packet.network + 6) & _DONT_FRAGMENT == 0


def _fragments(body: bytes, header: bytes, protocol: i64, identification: bytes) -> list[bytes]:
    """Each with its own IPv6 header, whose length is put in, and a fragment header (RFC 8200 §4.5)."""
    made: list[bytes] = []
    at: i64 = 0
    size: i64 = len(body)
    while at < size:
        piece = body[at : at + _PIECE]
        more: i64 = 1 if at + _PIECE < size else 0
        made.append(
            b"%b%b%b%b%b%b%b%b"
            % (
                header[:4],
                word(_FRAGMENT_HEADER + len(piece)),
                header[6:],
                OCTETS[protocol],
                b"\0",
                word(at | more),
                identification,
                piece,
            )
        )
        at += _PIECE
    return made
