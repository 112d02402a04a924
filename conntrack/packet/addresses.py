"""What every transport reader needs of the IP header in front of it: the socket pair and the pseudo header.

Lives here: the place of the addresses. May not live here: judgement of anything.
"""

from typing import Final

from mypy_extensions import i64

from conntrack.packet.checksum import range_sum
from conntrack.packet.header import Packet

_NO_PORTS: Final = bytes(4)


def addresses(packet: Packet) -> bytes:
    """Source and destination address, 8 or 32 bytes."""
    start = packet.network
    if packet.version == 4:
        return packet.raw[start + 12 : start + 20]
    return packet.raw[start + 8 : start + 40]


def pair_with_ports(packet: Packet) -> bytes:
    """The socket pair of a packet whose transport header begins with the two ports.

    Without options and extension headers the ports stand right behind the addresses: one slice.
    """
    raw = packet.raw
    start = packet.network
    transport = packet.transport
    if packet.version == 4:
        if transport == start + 20:
            return raw[start + 12 : start + 24]
        return raw[start + 12 : start + 20] + raw[transport : transport + 4]
    if transport == start + 40:
        return raw[start + 8 : start + 44]
    return raw[start + 8 : start + 40] + raw[transport : transport + 4]


def pair_without_ports(packet: Packet) -> bytes:
    """The socket pair of a protocol without ports, and of a later fragment."""
    return addresses(packet) + _NO_PORTS


def pseudo_sum(packet: Packet, size: i64) -> i64:
    """The sum of the pseudo header (RFC 9293 §3.1, RFC 8200 §8.1) for `size` bytes of transport; not reduced."""
    start = packet.network
    if packet.version == 4:
        return range_sum(packet.raw, start + 12, start + 20) + packet.protocol + size
    return range_sum(packet.raw, start + 8, start + 40) + packet.protocol + size


def transport_sum(packet: Packet, size: i64, covered: i64) -> i64:
    """The sum of the pseudo header for `size` bytes and of the first `covered` bytes of transport: 0 when right."""
    start = packet.transport
    return (pseudo_sum(packet, size) + range_sum(packet.raw, start, start + covered)) % 0xFFFF
