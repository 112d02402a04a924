"""Every decoder by name, as a function of arbitrary bytes: what property tests and fuzzers run.

Lives here: the list, and the envelopes that lead bytes past the outer headers into the decoder that is meant. May not
live here: any decoding. Each function returns None or raises Malformed; anything else is a bug in the decoder.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from conntrack.packet.checksum import ones_sum
from conntrack.packet.error64 import error_to_ipv4, error_to_ipv6, tells_size
from conntrack.packet.header import (
    DCCP,
    GRE,
    ICMP,
    ICMP_ERROR,
    ICMPV6,
    SCTP,
    TCP,
    UDP,
    UDPLITE,
    WHOLE,
    Packet,
)
from conntrack.packet.mss import clamp_mss
from conntrack.packet.octets import word
from conntrack.packet.parse import parse, parse_embedded
from conntrack.packet.rewrite import deltas, set_tos, translate, translate_error
from conntrack.packet.sctp import check_chunks
from conntrack.packet.tcp_options import highest_sack, mss, scale_and_sack
from conntrack.packet.translate64 import to_ipv4, to_ipv6

Decoder = Callable[[bytes], None]

_LONGEST: Final = 65000


def within_ipv4(protocol: int, data: bytes) -> bytes:
    """An IPv4 packet around a transport header and payload: 10.0.0.1 → 10.0.0.2."""
    data = data[:_LONGEST]
    start = b"\x45\0" + word(20 + len(data)) + bytes((0, 0, 0, 0, 64, protocol))
    end = bytes((10, 0, 0, 1, 10, 0, 0, 2))
    return start + word(0xFFFF - ones_sum(start + end)) + end + data


def within_ipv6(protocol: int, data: bytes) -> bytes:
    """An IPv6 packet around a transport (or extension) header and payload: fd00::1 → fd00::2."""
    data = data[:_LONGEST]
    prefix = b"\xfd" + bytes(14)
    return b"\x60\0\0\0" + word(len(data)) + bytes((protocol, 64)) + prefix + b"\1" + prefix + b"\2" + data


def decode(raw: bytes, verify: bool = False) -> None:
    """Everything that is ever done to a packet, in the order in which it is done."""
    packet = Packet()
    parse(raw, packet, verify)
    if packet.protocol == TCP and packet.payload > packet.transport:
        mss(packet)
        scale_and_sack(packet)
        highest_sack(packet)
        clamp_mss(packet, 536)
    elif packet.protocol == SCTP and packet.fragment == WHOLE:
        check_chunks(packet)
    _rewrite(packet)


def _rewrite(packet: Packet) -> None:
    set_tos(packet.raw, 0xB8)
    pair = packet.pair[::-1]
    translate(packet, pair, *deltas(packet.protocol, packet.pair, pair))
    if packet.kind == ICMP_ERROR:
        inner = Packet()
        parse_embedded(packet, inner)
        translate_error(packet, inner, pair, inner.pair[::-1])


def cross(raw: bytes) -> None:
    """Everything that NAT64 does to a packet."""
    packet = Packet()
    parse(raw, packet, False)
    if packet.fragment != WHOLE:
        return
    pair = bytes(range(1, 37)) if packet.version == 4 else bytes(range(1, 13))
    if packet.kind == ICMP_ERROR:
        inner = Packet()
        parse_embedded(packet, inner)
        _cross_error(packet, inner, pair)
    elif packet.version == 4:
        to_ipv6(packet, pair, 1, packet.hop_limit, packet.tos, True)
    else:
        to_ipv4(packet, pair, 1, packet.hop_limit, packet.tos, 1, False)


def _cross_error(packet: Packet, inner: Packet, pair: bytes) -> None:
    tells_size(packet)
    if packet.version == 4:
        error_to_ipv6(packet, inner, pair[:16], pair, packet.hop_limit)
    else:
        error_to_ipv4(packet, inner, pair[:4], pair, packet.hop_limit, 1)


def _cross_v4(kind: int, data: bytes) -> None:
    cross(within_ipv4(ICMP, bytes((kind, data[0] & 15 if data else 0)) + bytes(2) + data))


def _cross_v6(kind: int, data: bytes) -> None:
    cross(within_ipv6(ICMPV6, bytes((kind, data[0] & 7 if data else 0)) + bytes(2) + data))


def _in_ipv4(protocol: int, data: bytes) -> None:
    decode(within_ipv4(protocol, data))


def _in_ipv6(protocol: int, data: bytes) -> None:
    decode(within_ipv6(protocol, data))


def _in_error(data: bytes) -> None:
    decode(within_ipv4(ICMP, b"\x03\x03\0\0\0\0\0\0" + data))


def _in_error_v6(data: bytes) -> None:
    decode(within_ipv6(ICMPV6, b"\x01\x04\0\0\0\0\0\0" + data))


def _tcp_options(data: bytes) -> None:
    data = (data + bytes(-len(data) % 4))[:40]
    offset = 5 + len(data) // 4
    decode(within_ipv4(TCP, bytes(12) + bytes((offset << 4, 0x02)) + bytes(6) + data))


#: (name, decoder); the transports are tried within both versions
DECODERS: Final[list[tuple[str, Decoder]]] = [
    ("ip", decode),
    ("ip-verified", partial(decode, verify=True)),
    ("icmp", partial(_in_ipv4, ICMP)),
    ("tcp", partial(_in_ipv4, TCP)),
    ("tcp-options", _tcp_options),
    ("udp", partial(_in_ipv4, UDP)),
    ("udplite", partial(_in_ipv4, UDPLITE)),
    ("sctp", partial(_in_ipv4, SCTP)),
    ("dccp", partial(_in_ipv4, DCCP)),
    ("gre", partial(_in_ipv4, GRE)),
    ("unknown", partial(_in_ipv4, 254)),
    ("embedded", _in_error),
    ("extension-headers", partial(_in_ipv6, 0)),
    ("fragment-v6", partial(_in_ipv6, 44)),
    ("icmpv6", partial(_in_ipv6, ICMPV6)),
    ("tcp-v6", partial(_in_ipv6, TCP)),
    ("udp-v6", partial(_in_ipv6, UDP)),
    ("udplite-v6", partial(_in_ipv6, UDPLITE)),
    ("sctp-v6", partial(_in_ipv6, SCTP)),
    ("dccp-v6", partial(_in_ipv6, DCCP)),
    ("gre-v6", partial(_in_ipv6, GRE)),
    ("embedded-v6", _in_error_v6),
    ("nat64", cross),
    ("nat64-unreachable", partial(_cross_v4, 3)),
    ("nat64-problem", partial(_cross_v4, 12)),
    ("nat64-unreachable-v6", partial(_cross_v6, 1)),
    ("nat64-too-big", partial(_cross_v6, 2)),
    ("nat64-problem-v6", partial(_cross_v6, 4)),
]
