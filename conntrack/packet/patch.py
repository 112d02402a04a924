"""Pieces of a rewritten packet: an IP header with other addresses, a transport header with other ports.

Lives here: where each protocol keeps ports and checksum, and what its checksum covers. May not live here: the short
cut for the commonest packets (rewrite.py), the choice of the new pair (nat/).
"""

from typing import Final

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.packet.checksum import adjust, adjust_partial
from conntrack.packet.crc32c import sctp_checksum
from conntrack.packet.errors import Malformed
from conntrack.packet.gre import gre_part
from conntrack.packet.header import (
    DCCP,
    GRE,
    ICMP_QUERY,
    LATER_FRAGMENT,
    PLAIN,
    SCTP,
    TCP,
    UDP,
    UDPLITE,
    WHOLE,
    Packet,
)
from conntrack.packet.octets import u16, word

_ECHO_REQUEST_V6: Final = 128
_ECHO_REPLY_V6: Final = 129


def network_header(packet: Packet, pair: bytes, address_delta: i64) -> bytes:
    """The IP header of `packet`, options and extension headers included, with the addresses of `pair`."""
    raw = packet.raw
    start = packet.network
    if packet.version == 4:
        checksum = word(adjust(u16(raw, start + 10), address_delta))
        return b"%b%b%b%b" % (raw[start : start + 10], checksum, pair[:8], raw[start + 20 : packet.transport])
    return b"%b%b%b" % (raw[start : start + 8], pair[:32], raw[start + 40 : packet.transport])


def transport_part(packet: Packet, ports: bytes, address_delta: i64, port_delta: i64, end: i64) -> bytes:
    """What follows the IP header up to `end`, with other ports (4 bytes, as in a pair) and the checksum to match.

    `end` may cut the packet short, as in an ICMP error: a checksum that is not there is not updated. Protocols
    without ports come back as they are. Raises Malformed(FRAGMENT) for a fragment of SCTP whose ports change.
    """
    protocol = packet.protocol
    if packet.fragment == LATER_FRAGMENT:
        return packet.raw[packet.transport : end]
    if packet.kind != PLAIN:
        return _icmp_part(packet, ports, address_delta, port_delta, end)
    if protocol == TCP:
        return _ports_part(packet, ports, 16, address_delta, port_delta, end)
    if protocol == UDP or protocol == UDPLITE or protocol == DCCP:
        return _ports_part(packet, ports, 6, address_delta, port_delta, end)
    if protocol == SCTP:
        return _sctp_part(packet, ports, end)
    if protocol == GRE:
        return gre_part(packet, ports, end)
    return packet.raw[packet.transport : end]


def transport_checksum(packet: Packet, at: i64, address_delta: i64, port_delta: i64) -> bytes:
    """The checksum at offset `at` after an update: two bytes.

    Partial: the field holds the sum of the pseudo header, so only the addresses count. UDP: 0 says "none" and
    stays, and so must not come out of an update (RFC 768; UDP-Lite may not be 0 either, RFC 3828 §3.1).
    """
    old = u16(packet.raw, at)
    if packet.partial:
        return word(adjust_partial(old, address_delta))
    new = adjust(old, address_delta + port_delta)
    if packet.protocol == UDP or packet.protocol == UDPLITE:
        if old == 0:
            return b"\0\0"
        if new == 0:
            return b"\xff\xff"
    return word(new)


def has_identifier(packet: Packet) -> bool:
    """Whether a translation may change the identifier: in an ICMP query and in an ICMPv6 echo.

    Node information has its query type in that place (RFC 4620 §5), which must stay, as in the kernel's NAT.
    """
    if packet.kind != ICMP_QUERY:
        return False
    kind: i64 = packet.raw[packet.transport]
    return packet.version == 4 or kind == _ECHO_REQUEST_V6 or kind == _ECHO_REPLY_V6


def _ports_part(packet: Packet, ports: bytes, place: i64, address_delta: i64, port_delta: i64, end: i64) -> bytes:
    """A header that begins with the ports and has its checksum `place` bytes after its start."""
    raw = packet.raw
    start = packet.transport
    at = start + place
    if at + 2 > end:
        return ports + raw[start + 4 : end]
    checksum = transport_checksum(packet, at, address_delta, port_delta)
    return b"%b%b%b%b" % (ports, raw[start + 4 : at], checksum, raw[at + 2 : end])


def _icmp_part(packet: Packet, ports: bytes, address_delta: i64, port_delta: i64, end: i64) -> bytes:
    """An ICMP message with another identifier. Only ICMPv6's checksum covers the addresses."""
    raw = packet.raw
    start = packet.transport
    identifier = raw[start + 4 : start + 6]
    if has_identifier(packet):
        identifier = ports[:2]
    else:
        port_delta = 0
    if packet.version == 4:
        address_delta = 0
    checksum = transport_checksum(packet, start + 2, address_delta, port_delta)
    return b"%b%b%b%b" % (raw[start : start + 2], checksum, identifier, raw[start + 6 : end])


def _sctp_part(packet: Packet, ports: bytes, end: i64) -> bytes:
    """CRC32c has no pseudo header: nothing changes with the addresses, but with the ports all is to be summed again.

    A quoted packet keeps its CRC, which nobody could verify. A partial one is completed by the kernel.
    """
    raw = packet.raw
    start = packet.transport
    if raw[start : start + 4] == ports:
        return raw[start:end]
    if packet.network != 0 or packet.partial:
        return ports + raw[start + 4 : end]
    if packet.fragment != WHOLE:
        raise Malformed(reason.FRAGMENT)
    changed = ports + raw[start + 4 : packet.length]
    checksum = int(sctp_checksum(changed, 0, len(changed))).to_bytes(4, "little")
    return b"%b%b%b%b" % (changed[:8], checksum, changed[12:], raw[packet.length : end])
