"""The packet inside an ICMP error: found whatever its shape, refused where it cannot be read."""

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)
from scapy.layers.sctp import SCTP
from scapy.packet import Packet as Layer

from conntrack.packet import reason
from conntrack.packet.errors import Malformed
from conntrack.packet.header import FIRST_FRAGMENT, ICMP_QUERY, PLAIN, Packet
from conntrack.packet.parse import parse_embedded
from tests.unit.packet.build import (
    SERVER,
    dccp,
    decoded,
    decoded_error,
    lan,
    lan6,
    patched,
    udplite,
    wire,
    with_header_checksum,
)

ROUTER = IP(src="203.0.113.254", dst="192.168.1.10")
ROUTER6 = IPv6(src="2001:db8:ffff::1", dst="fd00::10")


def error(quoted: Layer | bytes, kind: int = 11) -> bytes:
    """router > client: an ICMP error about these bytes."""
    return wire(ROUTER / ICMP(type=kind) / (quoted if isinstance(quoted, bytes) else wire(quoted)))


def error6(quoted: Layer | bytes, message: Layer | None = None) -> bytes:
    return wire(ROUTER6 / (message or ICMPv6TimeExceeded()) / (quoted if isinstance(quoted, bytes) else wire(quoted)))


def refused(data: bytes) -> bool:
    with pytest.raises(Malformed) as caught:
        parse_embedded(decoded(data), Packet())
    return bool(caught.value.reason == reason.BAD_EMBEDDED)


@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12])
def test_eight_bytes_of_tcp_are_enough(kind: int) -> None:
    quoted = wire(lan() / TCP(sport=40000, dport=443, seq=0x01020304))
    packet, inner = decoded_error(error(quoted[:28], kind))
    assert inner.raw is packet.raw
    assert (inner.version, inner.network, inner.transport) == (4, 28, 48)
    assert (inner.protocol, inner.kind, inner.seq) == (6, PLAIN, 0x01020304)
    assert inner.pair == decoded(quoted).pair


@pytest.mark.parametrize(
    "quoted",
    [
        wire(lan() / UDP(sport=5000, dport=33434) / b"traceroute"),
        udplite(lan(), 5000, 33434, b"payload"),
        dccp(lan(), 5000, 33434, b"payload"),
        wire(lan() / SCTP(sport=5000, dport=33434) / b"abcd"),
        wire(lan() / ICMP(id=7, seq=1) / b"ping"),
        wire(IP(src="10.0.0.1", dst="10.0.0.2", proto=47) / b"gre"),
        wire(IP(src="10.0.0.1", dst="10.0.0.2", options=[IPOption_NOP()] * 8) / UDP(sport=1, dport=2)),
    ],
    ids=["udp", "udplite", "dccp", "sctp", "ping", "gre", "options"],
)
def test_the_inner_pair_is_that_of_the_packet_itself(quoted: bytes) -> None:
    alone = decoded(quoted)
    _, inner = decoded_error(error(quoted))
    assert inner.pair == alone.pair
    assert inner.protocol == alone.protocol
    assert inner.kind == alone.kind
    assert inner.transport == alone.transport + 28
    assert (inner.length, inner.tos, inner.hop_limit) == (alone.length, alone.tos, alone.hop_limit)


@pytest.mark.parametrize(
    "message",
    [ICMPv6DestUnreach(code=4), ICMPv6PacketTooBig(mtu=1280), ICMPv6TimeExceeded()],
    ids=["unreachable", "too-big", "exceeded"],
)
@pytest.mark.parametrize(
    "quoted",
    [
        wire(lan6() / UDP(sport=5000, dport=33434) / b"traceroute"),
        wire(lan6() / ICMPv6EchoRequest(id=7)),
        wire(lan6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / TCP(sport=1, dport=2, flags="S")),
    ],
    ids=["udp", "ping", "extensions"],
)
def test_ipv6(message: Layer, quoted: bytes) -> None:
    alone = decoded(quoted)
    _, inner = decoded_error(error6(quoted, message))
    assert inner.pair == alone.pair
    assert inner.transport == alone.transport + 48
    assert inner.options == alone.options


def test_an_inner_first_fragment_has_ports() -> None:
    quoted = with_header_checksum(patched(wire(lan() / UDP(sport=5, dport=6)), 6, b"\x20\x00"))
    _, inner = decoded_error(error(quoted))
    assert inner.fragment == FIRST_FRAGMENT
    assert inner.pair[8:] == bytes.fromhex("0005 0006")


def test_an_inner_later_fragment_is_refused() -> None:
    assert refused(error(with_header_checksum(patched(wire(lan() / UDP()), 6, b"\x00\x01"))))
    assert refused(error6(lan6() / IPv6ExtHdrFragment(offset=1, m=0) / UDP()))


def test_length_and_checksums_of_the_quote_are_not_judged() -> None:
    quoted = wire(lan() / UDP(sport=5, dport=6, chksum=0xDEAD))
    swapped = patched(patched(quoted, 2, b"\x1c\x00"), 10, b"\0\0")  # a BSD's byte order, no checksum
    _, inner = decoded_error(error(swapped))
    assert inner.pair == decoded(quoted, verify=False).pair


@pytest.mark.parametrize("size", range(28))
def test_a_quote_cut_short(size: int) -> None:
    assert refused(error(wire(lan() / UDP())[:size]))


@pytest.mark.parametrize("size", range(0, 56, 5))
def test_a_quote_of_ipv6_cut_short(size: int) -> None:
    assert refused(error6(wire(lan6() / IPv6ExtHdrHopByHop() / UDP())[:size]))


def test_padding_behind_the_error_is_not_quoted() -> None:
    data = error(wire(lan() / UDP())[:27]) + b"\x99"
    assert refused(data)


@pytest.mark.parametrize("first", [0x44, 0x4F, 0x65, 0x05])
def test_a_bad_first_octet(first: int) -> None:
    assert refused(error(patched(wire(lan() / UDP()), 0, bytes((first,)))))


def test_the_other_version_is_refused() -> None:
    assert refused(error(wire(lan6() / UDP())))
    assert refused(error6(wire(lan() / UDP()) + bytes(40)))


def test_an_error_about_an_error_is_refused() -> None:
    assert refused(error(error(lan() / UDP())))
    assert refused(error6(error6(lan6() / UDP())))


def test_only_errors_quote() -> None:
    assert refused(wire(IP(src=SERVER, dst="192.168.1.10") / ICMP(type=0) / wire(lan() / UDP())))
    assert refused(wire(lan() / UDP() / wire(lan() / UDP())))


def test_a_query_inside_is_a_query() -> None:
    _, inner = decoded_error(error(lan() / ICMP(type=8, id=0x0102)))
    assert inner.kind == ICMP_QUERY
    assert inner.pair[8:] == bytes.fromhex("0102 0800")
