"""TCP, UDP and echo headers of one IP version as the other has them (RFC 7915 §4.1, §5.1).

Lives here: ports, identifiers and checksums, which are updated and not made anew: one that was wrong stays wrong. May
not live here: IP headers (translate64.py), ICMP errors (error64.py).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.packet.addresses import pseudo_sum
from conntrack.packet.checksum import adjust, delta, ones_sum
from conntrack.packet.header import ICMP_QUERY, ICMPV6, TCP, UDP, Packet
from conntrack.packet.octets import OCTETS, u16, word

#: echo and echo reply
_TO_V4: Final = {128: 8, 129: 0}
_TO_V6: Final = {8: 128, 0: 129}


def transport(packet: Packet, pair: bytes, change: i64, end: i64) -> bytes:
    """What follows the IP header up to `end`, as the other version has it; b"" for other protocols."""
    ports = pair[len(pair) - 4 :]
    if packet.protocol == TCP:
        return _ported(packet, ports, 16, change, end)
    if packet.protocol == UDP:
        return _udp(packet, pair, ports, change, end)
    if packet.kind == ICMP_QUERY:
        return _echo(packet, pair, end)
    return b""


def _ported(packet: Packet, ports: bytes, place: i64, change: i64, end: i64) -> bytes:
    """A header that begins with the ports and has its checksum `place` bytes after its start, if that was quoted."""
    raw = packet.raw
    start = packet.transport
    at = start + place
    if at + 2 > end:
        return ports + raw[start + 4 : end]
    return b"%b%b%b%b" % (ports, raw[start + 4 : at], word(adjust(u16(raw, at), change)), raw[at + 2 : end])


def _udp(packet: Packet, pair: bytes, ports: bytes, change: i64, end: i64) -> bytes:
    """A checksum of 0 is none, which IPv6 does not allow: it is computed, where the packet is here as a whole."""
    raw = packet.raw
    start = packet.transport
    checksum = u16(raw, start + 6)
    if checksum != 0:
        checksum = adjust(checksum, change)
    elif packet.network == 0:
        size = u16(raw, start + 4)
        total = ones_sum(pair) + UDP + size + size + ones_sum(raw[start + 8 : start + size])
        checksum = 0xFFFF - total % 0xFFFF
    else:
        return ports + raw[start + 4 : end]
    if checksum == 0:
        checksum = 0xFFFF
    return b"%b%b%b%b" % (ports, raw[start + 4 : start + 6], word(checksum), raw[start + 8 : end])


def _echo(packet: Packet, pair: bytes, end: i64) -> bytes:
    """Only ICMPv6's checksum covers addresses, length and protocol."""
    raw = packet.raw
    start = packet.transport
    old = packet.version == 4
    kind = (_TO_V6 if old else _TO_V4).get(raw[start], -1)
    if kind < 0:
        return b""
    size = packet.length - (start - packet.network)
    place = len(pair) - 4
    head = b"%b%b%b" % (OCTETS[kind], raw[start + 1 : start + 2], pair[place : place + 2])
    change = delta(raw[start : start + 2] + raw[start + 4 : start + 6], head)
    if old:
        change += ones_sum(pair[:32]) + size + ICMPV6
    else:
        change -= pseudo_sum(packet, size)
    checksum = adjust(u16(raw, start + 2), change % 0xFFFF)
    return b"%b%b%b%b" % (head[:2], word(checksum), head[2:], raw[start + 6 : end])
