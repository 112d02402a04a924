"""ICMP and ICMPv6 errors as each other, with the packet that they speak of (RFC 7915 §4.2, §4.3, §5.2, §5.3).

Lives here: the message and the quoted packet. May not live here: the tables (icmp64.py), whose error it is (engine/).
Extensions (RFC 4884) are left out, and the quoted packet is cut to what each version lets an error be.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.packet.checksum import delta, ones_sum
from conntrack.packet.header import ICMP, ICMPV6, Packet
from conntrack.packet.icmp import HEADER
from conntrack.packet.icmp64 import (
    MTU,
    NEXT_HEADER,
    POINTER,
    POINTER_TO_V4,
    POINTER_TO_V6,
    SMALLEST,
    TIME_EXCEEDED_V6,
    TO_V4,
    TO_V6,
    UNREACHABLE_V6,
    UNUSED,
    mtu_to_v4,
    mtu_to_v6,
)
from conntrack.packet.octets import OCTETS, u16, u32, word
from conntrack.packet.translate64 import HEADER4, HEADER6, ipv4_header, ipv6_header
from conntrack.packet.transport64 import transport

#: an ICMP error's size at most (RFC 1812 §4.3.2.3); an ICMPv6 error's is the smallest MTU (RFC 4443 §2.4)
_LONGEST: Final = 576
#: octet of the IPv6 header that tells the protocol
_PROTOCOL_AT: Final = 6


def error_to_ipv6(packet: Packet, inner: Packet, source: bytes, pair: bytes, hops: i64) -> bytes:
    """The ICMP error as ICMPv6, about a packet that had the IPv6 socket pair `pair`; b"" where none says that.

    inner: what parse_embedded made of it; source: who says so. The error goes to whom that packet came from.
    """
    raw = packet.raw
    start = packet.transport
    found = TO_V6.get((raw[start], raw[start + 1]))
    if found is None:
        return b""
    field = _field_v6(packet, inner, found[2])
    quoted = _quoted(packet, inner, pair, i64(raw[start + 5]) << 2)
    if field < 0 or not quoted:
        return b""
    head = ipv6_header(inner.tos, _payload(inner), _other(inner.protocol), inner.hop_limit, pair[:32])
    body = (head + quoted)[: SMALLEST - HEADER6 - HEADER]
    addresses = source + pair[:16]
    covered = ones_sum(addresses) + ICMPV6 + HEADER + len(body)
    message = _message(found[0], found[1], field, body, covered)
    return ipv6_header(packet.tos, len(message), ICMPV6, hops, addresses) + message


def error_to_ipv4(packet: Packet, inner: Packet, source: bytes, pair: bytes, hops: i64, identification: i64) -> bytes:
    """The ICMPv6 error as ICMP; the same with IPv4 addresses."""
    raw = packet.raw
    start = packet.transport
    found = TO_V4.get((raw[start], raw[start + 1]))
    if found is None:
        return b""
    field = _field_v4(packet, found[2])
    extended = found[2] == UNUSED and (raw[start] == UNREACHABLE_V6 or raw[start] == TIME_EXCEEDED_V6)
    quoted = _quoted(packet, inner, pair, i64(raw[start + 4]) << 3 if extended else 0)
    if field < 0 or not quoted:
        return b""
    size: i64 = min(HEADER4 + _payload(inner), 0xFFFF)
    head = ipv4_header(inner.tos, size, 0, 0, inner.hop_limit, _other(inner.protocol), pair[:8])
    body = (head + quoted)[: _LONGEST - HEADER4 - HEADER]
    message = _message(found[0], found[1], field, body, 0)
    size = HEADER4 + len(message)
    return ipv4_header(packet.tos, size, identification, 0, hops, ICMP, source + pair[:4]) + message


def tells_size(packet: Packet) -> bool:
    """Whether the error says that a packet was too large for the path."""
    raw = packet.raw
    start = packet.transport
    found = (TO_V6 if packet.version == 4 else TO_V4).get((raw[start], raw[start + 1]))
    return found is not None and found[2] == MTU


def _message(kind: i64, code: i64, field: i64, body: bytes, covered: i64) -> bytes:
    """Type, code, checksum, four bytes, quoted packet. covered: the sum of what else the checksum covers."""
    head = OCTETS[kind] + OCTETS[code]
    after = word(field >> 16) + word(field & 0xFFFF)
    total = (covered + ones_sum(head) + ones_sum(after) + ones_sum(body)) % 0xFFFF
    return b"%b%b%b%b" % (head, word(0xFFFF - total), after, body)


def _quoted(packet: Packet, inner: Packet, pair: bytes, limit: i64) -> bytes:
    """The quoted transport. limit: where the extension says that the packet ends, 0 for no extension."""
    end = packet.length
    if limit > 0 and inner.network + limit < end:
        end = max(inner.network + limit, inner.transport + HEADER)
    return transport(inner, pair, delta(inner.pair, pair), end)


def _payload(inner: Packet) -> i64:
    """How much followed the IP header of the packet that was quoted, if its length field says the truth."""
    return min(max(inner.length - (inner.transport - inner.network), 0), 0xFFFF)


def _field_v6(packet: Packet, inner: Packet, kind: i64) -> i64:
    raw = packet.raw
    start = packet.transport
    if kind == MTU:
        return mtu_to_v6(u16(raw, start + 6), inner.length)
    if kind == NEXT_HEADER:
        return _PROTOCOL_AT
    if kind == POINTER:
        place: i64 = raw[start + 4]
        return POINTER_TO_V6[place] if place < HEADER4 else -1
    return 0


def _field_v4(packet: Packet, kind: i64) -> i64:
    at = packet.transport + 4
    if kind == MTU:
        return mtu_to_v4(u32(packet.raw, at))
    if kind == POINTER:
        place = u32(packet.raw, at)
        pointer = POINTER_TO_V4[place] if place < HEADER6 else -1
        return pointer << 24 if pointer >= 0 else -1
    return 0


def _other(protocol: i64) -> i64:
    """The number of the protocol in the other IP version."""
    if protocol == ICMP:
        return ICMPV6
    return ICMP if protocol == ICMPV6 else protocol
