"""ICMP and ICMPv6: which messages are queries, errors or neither, and what their pair is."""

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, IPv6

from conntrack.packet.header import ICMP_ERROR, ICMP_OTHER, ICMP_QUERY, PLAIN
from conntrack.packet.parse import parse
from tests.unit.packet.build import CLIENT, CLIENT6, SERVER, SERVER6, decoded, lan, lan6, patched, refusal, wire


def message(kind: int, code: int = 3) -> bytes:
    """An ICMP message of any type, with 0x1234 where a query has its identifier."""
    body = bytes((kind, code, 0, 0, 0x12, 0x34, 0, 1)) + bytes(32)
    return wire(IP(src=CLIENT, dst=SERVER, proto=1) / body)


def message6(kind: int, code: int = 3) -> bytes:
    body = bytes((kind, code, 0, 0, 0x12, 0x34, 0, 1)) + bytes(32)
    return wire(IPv6(src=CLIENT6, dst=SERVER6, nh=58) / body)


def test_an_echo_request() -> None:
    packet = decoded(wire(lan() / ICMP(type=8, id=0xBEEF, seq=1) / b"abcdefgh"))
    assert (packet.protocol, packet.kind, packet.payload) == (1, ICMP_QUERY, 28)
    assert packet.pair == bytes((192, 168, 1, 10, 198, 51, 100, 7)) + bytes.fromhex("beef 0800")


def test_an_echo_request_of_ipv6() -> None:
    packet = decoded(wire(lan6() / ICMPv6EchoRequest(id=0xBEEF, seq=1, data=b"abcdefgh")))
    assert (packet.protocol, packet.kind, packet.payload) == (58, ICMP_QUERY, 48)
    assert packet.pair[32:] == bytes.fromhex("beef 8000")


@pytest.mark.parametrize("kind", range(256))
def test_every_type(kind: int) -> None:
    packet = decoded(message(kind), verify=False)
    if kind in (0, 8, 13, 14, 15, 16, 17, 18):
        assert packet.kind == ICMP_QUERY
        assert packet.pair[8:] == bytes((0x12, 0x34, kind, 3))
    else:
        assert packet.kind == (ICMP_ERROR if kind in (3, 4, 5, 11, 12) else ICMP_OTHER)
        assert packet.pair[8:] == bytes((0, 0, kind, 3))


@pytest.mark.parametrize("kind", range(256))
def test_every_type_of_ipv6(kind: int) -> None:
    packet = decoded(message6(kind), verify=False)
    if kind in (128, 129, 139, 140):
        assert packet.kind == ICMP_QUERY
        assert packet.pair[32:] == bytes((0x12, 0x34, kind, 3))
    else:
        assert packet.kind == (ICMP_ERROR if kind < 128 else ICMP_OTHER)
        assert packet.pair[32:] == bytes((0, 0, kind, 3))


@pytest.mark.parametrize("size", [0, 1, 55])
def test_the_checksum(size: int) -> None:
    data = wire(lan() / ICMP(id=1) / bytes(size))
    assert decoded(data).kind == ICMP_QUERY
    wrong = patched(data, 27, b"\x77")
    assert refusal(wrong) == "bad-checksum"
    assert decoded(wrong, verify=False).kind == ICMP_QUERY


def test_the_checksum_of_ipv6_covers_the_addresses() -> None:
    data = wire(lan6() / ICMPv6EchoRequest(id=1, data=b"odd"))
    assert decoded(data).kind == ICMP_QUERY
    assert refusal(patched(data, 23, b"\x11")) == "bad-checksum"


def test_neighbour_discovery_is_neither() -> None:
    packet = decoded(wire(IPv6(src=CLIENT6, dst="ff02::1:ff00:7", hlim=255) / ICMPv6ND_NS(tgt=SERVER6)))
    assert packet.kind == ICMP_OTHER
    assert packet.pair[32:] == bytes((0, 0, 135, 0))


@pytest.mark.parametrize("size", range(8))
def test_a_header_cut_short(size: int) -> None:
    assert refusal(wire(IP(src=CLIENT, dst=SERVER, proto=1) / bytes(size))) == "truncated"
    assert refusal(wire(IPv6(src=CLIENT6, dst=SERVER6, nh=58) / bytes(size))) == "truncated"


def test_the_icmp_of_the_other_version_is_just_a_protocol_number() -> None:
    packet = decoded(wire(IP(src=CLIENT, dst=SERVER, proto=58) / bytes(4)))
    assert (packet.kind, packet.pair[8:]) == (PLAIN, bytes(4))
    packet = decoded(wire(IPv6(src=CLIENT6, dst=SERVER6, nh=1) / bytes(4)))
    assert (packet.kind, packet.pair[32:]) == (PLAIN, bytes(4))


def test_the_last_kind_leaves_nothing_for_the_next_packet() -> None:
    packet = decoded(wire(lan() / ICMP()))
    parse(wire(lan() / UDP()), packet)
    assert packet.kind == PLAIN
