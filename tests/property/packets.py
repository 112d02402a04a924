"""Strategies: packets of every kind, each as a recipe that can be made again with another socket pair."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP, IPOption_RR
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.sctp import SCTP
from scapy.packet import Packet as Layer

from tests.unit.packet.build import dccp, udplite, wire

FLAGS = ["S", "SU", "SA", "SEC", "R", "RA", "FA", "FAU", "A", "PA", "AU", "PAE"]


@dataclass(frozen=True)
class Pair:
    """A socket pair; for a query, `sport` is the identifier."""

    source: str
    destination: str
    sport: int
    dport: int


@dataclass(frozen=True)
class Recipe:
    """How to make one packet: `make` turns an IP header (extensions included) and a pair into the finished bytes."""

    version: int
    protocol: int
    header: dict[str, Any]
    extras: tuple[Layer, ...]
    size: int  # of the transport header
    fields: dict[str, int]
    make: Callable[[Layer, Pair], bytes]

    def ip(self, pair: Pair) -> Layer:
        if self.version == 4:
            return IP(src=pair.source, dst=pair.destination, options=list(self.extras), **self.header)
        layers: Layer = IPv6(src=pair.source, dst=pair.destination, **self.header)
        for extra in self.extras:
            layers = layers / extra.copy()
        return layers

    def build(self, pair: Pair) -> bytes:
        return self.make(self.ip(pair), pair)


def addresses(version: int) -> st.SearchStrategy[str]:
    """Addresses that a host may have."""
    if version == 4:
        return st.integers(1 << 24, (224 << 24) - 1).map(lambda number: str(ipaddress.IPv4Address(number)))
    return st.integers(1, (0xFF << 120) - 1).map(lambda number: str(ipaddress.IPv6Address(number)))


def pairs(version: int) -> st.SearchStrategy[Pair]:
    ports = st.integers(1, 65535)
    return st.builds(Pair, addresses(version), addresses(version), ports, ports)


payloads = st.binary(max_size=64) | st.sampled_from([bytes(1400), b"\xff" * 1401])


@st.composite
def tcp_options(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """Options of a segment, 40 bytes at most."""
    return draw(
        st.sampled_from(
            [
                [],
                [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 2)), ("NOP", None), ("WScale", 7)],
                [("NOP", None), ("MSS", 9000), ("NOP", None)],
                [("NOP", None), ("NOP", None), ("Timestamp", (3, 4))],
                [("NOP", None), ("NOP", None), ("SAck", (1, 2, 5, 9))],
                [("WScale", 3), ("NOP", None)],
            ]
        )
    )


@st.composite
def tcp(draw: st.DrawFn) -> tuple[int, int, dict[str, int], Callable[[Layer, Pair], bytes]]:
    numbers = st.integers(0, 2**32 - 1)
    fields = {"seq": draw(numbers), "ack": draw(numbers), "window": draw(st.integers(0, 65535))}
    flags, options, payload = draw(st.sampled_from(FLAGS)), draw(tcp_options()), draw(payloads)

    def make(ip: Layer, pair: Pair) -> bytes:
        return wire(ip / TCP(sport=pair.sport, dport=pair.dport, flags=flags, options=options, **fields) / payload)

    segment = wire(TCP(flags=flags, options=options))
    return 6, len(segment), {**fields, "flags": segment[13]}, make


def _simple(protocol: int, size: int, make: Callable[[Layer, Pair, bytes], bytes]) -> st.SearchStrategy[Any]:
    return payloads.map(lambda payload: (protocol, size, {}, lambda ip, pair: make(ip, pair, payload)))


udp = _simple(17, 8, lambda ip, pair, payload: wire(ip / UDP(sport=pair.sport, dport=pair.dport) / payload))
udp_bare = _simple(
    17, 8, lambda ip, pair, payload: wire(ip / UDP(sport=pair.sport, dport=pair.dport, chksum=0) / payload)
)
sctp = _simple(132, 12, lambda ip, pair, payload: wire(ip / SCTP(sport=pair.sport, dport=pair.dport) / payload))
echo = _simple(1, 8, lambda ip, pair, payload: wire(ip / ICMP(id=pair.sport, seq=3) / payload))
echo6 = _simple(58, 8, lambda ip, pair, payload: wire(ip / ICMPv6EchoRequest(id=pair.sport, seq=3, data=payload)))
lite = _simple(136, 8, lambda ip, pair, payload: udplite(ip, pair.sport, pair.dport, payload))
lite_header = _simple(136, 8, lambda ip, pair, payload: udplite(ip, pair.sport, pair.dport, payload, coverage=8))
dccp_data = _simple(33, 16, lambda ip, pair, payload: dccp(ip, pair.sport, pair.dport, payload))


#: the header made by hand around these can be a plain one only
bare = st.one_of(lite, lite_header, dccp_data)
KINDS = {4: st.one_of(tcp(), udp, udp_bare, sctp, echo), 6: st.one_of(tcp(), udp, sctp, echo6)}


@st.composite
def headers(draw: st.DrawFn, version: int) -> tuple[dict[str, Any], tuple[Layer, ...]]:
    """The fields of an IP header, and its options or extension headers."""
    octet = st.integers(0, 255)
    if version == 4:
        options = draw(st.lists(st.sampled_from([IPOption_NOP(), IPOption_RR(routers=["0.0.0.0"])]), max_size=3))
        return {"tos": draw(octet), "ttl": draw(octet), "id": draw(st.integers(0, 65535))}, tuple(options)
    routing = IPv6ExtHdrRouting(addresses=["fd00::9"], segleft=0)
    first = draw(st.sampled_from([(), (IPv6ExtHdrHopByHop(),)]))
    middle = draw(st.lists(st.sampled_from([IPv6ExtHdrDestOpt(), routing]), max_size=3))
    last = draw(st.sampled_from([(), (IPv6ExtHdrFragment(id=9),)]))
    return {"tc": draw(octet), "hlim": draw(octet), "fl": draw(st.integers(0, 0xFFFFF))}, (*first, *middle, *last)


@st.composite
def segments(draw: st.DrawFn) -> tuple[Recipe, Pair]:
    """TCP with any options."""
    version = draw(st.sampled_from([4, 6]))
    protocol, size, fields, make = draw(tcp())
    return Recipe(version, protocol, *draw(headers(version)), size, fields, make), draw(pairs(version))


@st.composite
def recipes(draw: st.DrawFn, version: int) -> Recipe:
    """A packet of any kind that has ports or an identifier, with or without options and extension headers."""
    header, extras = draw(headers(version))
    if draw(st.integers(0, 3)) == 0:
        protocol, size, fields, make = draw(bare)
        plain = {name: header[name] for name in ("ttl", "id", "hlim") if name in header}
        return Recipe(version, protocol, plain, (), size, fields, make)
    protocol, size, fields, make = draw(KINDS[version])
    return Recipe(version, protocol, header, extras, size, fields, make)


@st.composite
def recipes_and_pairs(draw: st.DrawFn, count: int) -> tuple[Recipe, list[Pair]]:
    """A recipe and some pairs of its IP version."""
    version = draw(st.sampled_from([4, 6]))
    return draw(recipes(version)), [draw(pairs(version)) for _ in range(count)]
