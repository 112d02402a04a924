"""A packet with another payload, or with other TCP numbers: lengths and checksums to match.

Lives here: the edit, for IPv4 and IPv6, TCP and UDP. May not live here: why (helper/), or how the numbers are reckoned
(engine/shift.py). Bytes past the packet (link padding) do not survive: where lengths change they mean nothing.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.packet.checksum import adjust, delta, ones_sum, range_sum
from conntrack.packet.header import TCP, UDP, Packet
from conntrack.packet.octets import u16, word
from conntrack.packet.patch import transport_checksum
from conntrack.packet.tcp_options import SACK, after

#: the largest IP packet
LARGEST: Final = 65535

_MASK: Final = 0xFFFF_FFFF


def with_payload(packet: Packet, payload: bytes, seq: i64) -> bytes:
    """The whole packet of TCP or UDP with another payload and, for TCP, sequence number (32 bits).

    The new length must fit into an IP packet (LARGEST).
    """
    raw = packet.raw
    start = packet.transport
    grown = len(payload) - (packet.length - packet.payload)
    size = packet.length - start + grown
    change = ones_sum(payload) - range_sum(raw, packet.payload, packet.length)
    if packet.protocol == TCP:
        number = long(seq)
        change += delta(raw[start + 4 : start + 8], number)
        checksum = transport_checksum(packet, start + 16, grown % 0xFFFF, change % 0xFFFF)
        head = b"%b%b%b%b%b" % (
            raw[start : start + 4],
            number,
            raw[start + 8 : start + 16],
            checksum,
            raw[start + 18 : packet.payload],
        )
        return b"%b%b%b" % (_network(packet, grown), head, payload)
    assert packet.protocol == UDP
    checksum = transport_checksum(packet, start + 6, grown % 0xFFFF, (change + grown) % 0xFFFF)
    return b"%b%b%b%b%b" % (_network(packet, grown), raw[start : start + 4], word(size), checksum, payload)


def with_acks(packet: Packet, ack: i64, edges: list[bytes]) -> bytes:
    """The TCP packet with another acknowledgement number and, in order, these edges in its SACK blocks (sack_edges)."""
    raw = packet.raw
    start = packet.transport
    options = raw[start + 20 : packet.payload]
    if edges:
        options = _with_edges(packet, edges)
    number = long(ack)
    change = delta(raw[start + 8 : start + 12], number) + delta(raw[start + 20 : packet.payload], options)
    checksum = transport_checksum(packet, start + 16, 0, change % 0xFFFF)
    head = b"%b%b%b%b%b" % (
        raw[: start + 8],
        number,
        raw[start + 12 : start + 16],
        checksum,
        raw[start + 18 : start + 20],
    )
    return b"%b%b%b" % (head, options, raw[packet.payload :])


def sack_edges(packet: Packet) -> list[i64]:
    """The edges of all SACK blocks of a TCP packet: left, right, left, right … Raises Malformed(BAD_OPTION)."""
    raw = packet.raw
    at = packet.transport + 20
    found: list[i64] = []
    while at < packet.payload:
        following = after(raw, at, packet.payload)
        if raw[at] == SACK:
            edge = at + 2
            while edge + 4 <= following:
                found.append(u16(raw, edge) << 16 | u16(raw, edge + 2))
                edge += 4
        at = following
    return found


def long(value: i64) -> bytes:
    """Four bytes for a 32-bit number."""
    return int(value & _MASK).to_bytes(4, "big")


def _with_edges(packet: Packet, edges: list[bytes]) -> bytes:
    """The options with the SACK edges replaced, as sack_edges counts them."""
    raw = packet.raw
    at = packet.transport + 20
    pieces: list[bytes] = []
    used = 0
    while at < packet.payload:
        following = after(raw, at, packet.payload)
        if raw[at] != SACK:
            pieces.append(raw[at:following])
        else:
            count = int(following - at - 2) // 4
            pieces.append(raw[at : at + 2])
            pieces.extend(edges[used : used + count])
            pieces.append(raw[at + 2 + 4 * count : following])
            used += count
        at = following
    return b"".join(pieces)


def _network(packet: Packet, grown: i64) -> bytes:
    """The IP header, options and extension headers included, for a packet that is longer by so much."""
    raw = packet.raw
    if packet.version == 4:
        length = word(packet.length + grown)
        checksum = word(adjust(u16(raw, 10), delta(raw[2:4], length)))
        return b"%b%b%b%b%b" % (raw[:2], length, raw[4:10], checksum, raw[12 : packet.transport])
    return b"%b%b%b" % (raw[:4], word(u16(raw, 4) + grown), raw[6 : packet.transport])
