"""ICMP errors as ICMPv6 ones and back: every type and code, pointers, sizes, and what is quoted."""

from __future__ import annotations

import struct
from socket import AF_INET, AF_INET6, inet_pton

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
)
from scapy.packet import Packet as Layer

from conntrack.packet.error64 import error_to_ipv4, error_to_ipv6, tells_size
from conntrack.packet.icmp64 import POINTER_TO_V4, POINTER_TO_V6, TO_V4, TO_V6, mtu_to_v4, mtu_to_v6
from tests.unit.packet.build import decoded, decoded_error, wire
from tests.unit.packet.test_translate64 import CLIENT6, OUTSIDE, SERVER, SERVER6, pair, sound

ROUTER, ROUTER6 = "198.51.100.1", "64:ff9b::c633:6401"


def went_out(payload: bytes = b"") -> Layer:
    """What the client's packet had become."""
    return IP(src=OUTSIDE, dst=SERVER, ttl=3, tos=8, id=9) / UDP(sport=6000, dport=53) / payload


def came_in(payload: bytes = b"") -> Layer:
    """What the server's packet had become."""
    return IPv6(src=SERVER6, dst=CLIENT6, hlim=3, tc=8) / UDP(sport=53, dport=5000) / payload


def to_six(icmp: Layer, about: Layer | None = None, ports: tuple[int, int] = (5000, 53)) -> bytes:
    """The translation of an error to the gateway about a packet of the client's."""
    outer = IP(src=ROUTER, dst=OUTSIDE, ttl=60) / icmp / wire(went_out() if about is None else about)
    packet, inner = decoded_error(wire(outer))
    return error_to_ipv6(packet, inner, inet_pton(AF_INET6, ROUTER6), pair(CLIENT6, SERVER6, *ports), 60)


def to_four(icmp: Layer, about: Layer | None = None, ports: tuple[int, int] = (53, 6000)) -> bytes:
    """The translation of an error from the client's side about a packet of the server's."""
    outer = IPv6(src=CLIENT6, dst=SERVER6, hlim=60) / icmp / wire(came_in() if about is None else about)
    packet, inner = decoded_error(wire(outer))
    return error_to_ipv4(packet, inner, inet_pton(AF_INET, OUTSIDE), pair(SERVER, OUTSIDE, *ports), 60, 0x77)


#: RFC 7915 §4.2, read off the page: (type, code) → (type, code), None: dropped
FROM_V4 = {
    **dict.fromkeys([(3, 0), (3, 1), (3, 5), (3, 6), (3, 7), (3, 8), (3, 11), (3, 12)], (1, 0)),
    (3, 2): (4, 1),
    (3, 3): (1, 4),
    (3, 4): (2, 0),
    **dict.fromkeys([(3, 9), (3, 10), (3, 13), (3, 15)], (1, 1)),
    (3, 14): None,
    (4, 0): None,
    (5, 1): None,
    (11, 0): (3, 0),
    (11, 1): (3, 1),
    (12, 0): (4, 0),
    (12, 1): None,
    (12, 2): (4, 0),
}
FROM_V6 = {
    (1, 0): (3, 1),
    (1, 1): (3, 10),
    (1, 2): (3, 1),
    (1, 3): (3, 1),
    (1, 4): (3, 3),
    (1, 5): None,
    (2, 0): (3, 4),
    (3, 0): (11, 0),
    (3, 1): (11, 1),
    (4, 0): (12, 0),
    (4, 1): (3, 2),
    (4, 2): None,
    (100, 0): None,
}


@pytest.mark.parametrize(("was", "becomes"), FROM_V4.items(), ids=str)
def test_types_and_codes_to_ipv6(was: tuple[int, int], becomes: tuple[int, int] | None) -> None:
    raw = to_six(ICMP(type=was[0], code=was[1]))
    assert (tuple(raw[40:42]) if raw else None) == becomes
    if raw:
        read = sound(raw)
        assert (read.src, read.dst, read.hlim, read.nh) == (ROUTER6, CLIENT6, 60, 58)


@pytest.mark.parametrize(("was", "becomes"), FROM_V6.items(), ids=str)
def test_types_and_codes_to_ipv4(was: tuple[int, int], becomes: tuple[int, int] | None) -> None:
    quoted = wire(came_in())
    packet, inner = decoded_error(wire(IPv6(src=CLIENT6, dst=SERVER6) / ICMPv6DestUnreach() / quoted))
    raw = bytearray(packet.raw)
    raw[40:42] = bytes(was)
    packet, _ = decoded(bytes(raw), verify=False), None
    made = error_to_ipv4(packet, inner, inet_pton(AF_INET, OUTSIDE), pair(SERVER, OUTSIDE, 53, 6000), 60, 0x77)
    assert (tuple(made[20:22]) if made else None) == becomes
    if made:
        read = sound(made)
        assert (read.src, read.dst, read.ttl, read.proto, read.id) == (OUTSIDE, SERVER, 60, 1, 0x77)


def test_the_tables_hold_nothing_else() -> None:
    assert {key: value[:2] for key, value in TO_V6.items()} == {key: value for key, value in FROM_V4.items() if value}
    assert {key: value[:2] for key, value in TO_V4.items()} == {key: value for key, value in FROM_V6.items() if value}


def test_what_is_quoted_is_what_the_client_had_sent() -> None:
    read = sound(to_six(ICMP(type=11), went_out(b"payload")))
    inner = IPv6(bytes(read.payload.payload))
    assert (inner.src, inner.dst, inner.hlim, inner.tc, inner.plen) == (CLIENT6, SERVER6, 3, 8, 15)
    assert (inner[UDP].sport, inner[UDP].dport, bytes(inner[UDP].payload)) == (5000, 53, b"payload")
    assert wire(inner) == wire(IPv6(src=CLIENT6, dst=SERVER6, hlim=3, tc=8) / UDP(sport=5000, dport=53) / b"payload")


def test_and_what_the_server_had_sent() -> None:
    read = sound(to_four(ICMPv6TimeExceeded(), came_in(b"payload")))
    inner = IP(bytes(read.payload.payload))
    assert wire(inner) == wire(IP(src=SERVER, dst=OUTSIDE, ttl=3, tos=8, id=0) / UDP(sport=53, dport=6000) / b"payload")


def test_of_a_tcp_segment_eight_bytes_are_enough() -> None:
    whole = wire(IP(src=OUTSIDE, dst=SERVER) / TCP(sport=6000, dport=443, seq=0x01020304) / bytes(100))
    raw = to_six(ICMP(type=3, code=1), IP(whole[:28]), (5000, 443))
    inner = bytes(sound(raw).payload.payload)
    assert struct.unpack("!HHI", inner[40:]) == (5000, 443, 0x01020304)
    assert inner[4:6] == struct.pack("!H", 120)  # as long as it was


def test_a_ping_inside_keeps_its_checksum_right() -> None:
    quoted = IP(src=OUTSIDE, dst=SERVER) / ICMP(type=8, id=9, seq=2) / b"odd"
    raw = to_six(ICMP(type=11), quoted, (7, 128 << 8))
    sound(bytes(sound(raw).payload.payload))
    assert IPv6(raw[48:]).payload == ICMPv6EchoRequest(id=7, seq=2, data=b"odd", cksum=IPv6(raw[48:]).payload.cksum)
    quoted6 = IPv6(src=SERVER6, dst=CLIENT6) / ICMPv6EchoReply(id=7, seq=2, data=b"odd")
    made = to_four(ICMPv6DestUnreach(code=4), quoted6, (9, 0))
    inner = IP(made[28:])
    assert (inner[ICMP].type, inner[ICMP].id) == (0, 9)
    sound(made[28:])


def test_a_udp_checksum_that_was_none_stays_none_where_the_rest_is_not_there() -> None:
    quoted = wire(IP(src=OUTSIDE, dst=SERVER) / UDP(sport=6000, dport=53, chksum=0) / bytes(20))[:28]
    assert to_six(ICMP(type=11), IP(quoted))[48 + 46 : 48 + 48] == b"\0\0"


class TestSizes:
    @pytest.mark.parametrize(("mtu", "told"), [(1300, 1320), (1480, 1500), (1260, 1280), (68, 1280), (65535, 65555)])
    def test_to_ipv6(self, mtu: int, told: int) -> None:
        raw = to_six(ICMP(type=3, code=4, nexthopmtu=mtu))
        assert sound(raw)[ICMPv6PacketTooBig].mtu == told

    @pytest.mark.parametrize(("mtu", "told"), [(1280, 1260), (1500, 1480), (576, 1260), (100_000, 65535)])
    def test_to_ipv4(self, mtu: int, told: int) -> None:
        assert sound(to_four(ICMPv6PacketTooBig(mtu=mtu)))[ICMP].nexthopmtu == told

    @pytest.mark.parametrize(("length", "told"), [(1500, 1512), (1492, 1280), (8000, 4372), (60, 1280), (576, 1280)])
    def test_an_old_router_that_tells_no_size(self, length: int, told: int) -> None:
        """RFC 1191 §7: the next smaller size that links have."""
        assert mtu_to_v6(0, length) == told

    def test_of_which_errors_tell_one(self) -> None:
        assert tells_size(decoded(wire(IP() / ICMP(type=3, code=4) / wire(went_out()))))
        assert not tells_size(decoded(wire(IP() / ICMP(type=3, code=3) / wire(went_out()))))
        assert tells_size(decoded(wire(IPv6() / ICMPv6PacketTooBig() / wire(came_in()))))
        assert not tells_size(decoded(wire(IPv6() / ICMPv6TimeExceeded() / wire(came_in()))))

    def test_back_and_forth_is_the_same(self) -> None:
        assert [mtu_to_v4(mtu_to_v6(mtu, 1500)) for mtu in (1260, 1400, 9000)] == [1260, 1400, 9000]

    def test_no_error_is_longer_than_its_version_lets_it_be(self) -> None:
        assert len(to_six(ICMP(type=11), went_out(bytes(1400)))) == 1280
        assert len(to_four(ICMPv6TimeExceeded(), came_in(bytes(1100)))) == 576
        sound(to_six(ICMP(type=11), went_out(bytes(1400))))
        sound(to_four(ICMPv6TimeExceeded(), came_in(bytes(1100))))


class TestPointers:
    @pytest.mark.parametrize(("was", "becomes"), [(0, 0), (1, 1), (2, 4), (8, 7), (9, 6), (12, 8), (15, 8), (16, 24)])
    def test_to_ipv6(self, was: int, becomes: int) -> None:
        assert sound(to_six(ICMP(type=12, ptr=was)))[ICMPv6ParamProblem].ptr == becomes

    @pytest.mark.parametrize("was", [4, 5, 6, 7, 10, 11, 20, 255])
    def test_to_what_ipv6_does_not_have(self, was: int) -> None:
        assert to_six(ICMP(type=12, ptr=was)) == b""

    @pytest.mark.parametrize(
        ("was", "becomes"), [(0, 0), (4, 2), (6, 9), (7, 8), (8, 12), (23, 12), (24, 16), (39, 16)]
    )
    def test_to_ipv4(self, was: int, becomes: int) -> None:
        assert sound(to_four(ICMPv6ParamProblem(ptr=was)))[ICMP].ptr == becomes

    @pytest.mark.parametrize("was", [2, 3, 40, 0xFFFFFFFF])
    def test_to_what_ipv4_does_not_have(self, was: int) -> None:
        assert to_four(ICMPv6ParamProblem(ptr=was)) == b""

    def test_the_tables_are_as_long_as_the_headers(self) -> None:
        assert (len(POINTER_TO_V6), len(POINTER_TO_V4)) == (20, 40)


class TestExtensions:
    """RFC 4884: the quoted packet ends where the length field says, and an extension follows."""

    def test_they_are_left_out_on_the_way_to_ipv6(self) -> None:
        quoted = wire(went_out(bytes(100)))[:128].ljust(128, b"\0")
        outer = IP(src=ROUTER, dst=OUTSIDE) / ICMP(type=11, length=32) / (quoted + b"\x20\0\xff\xff" + b"LABEL...")
        raw = wire(outer)
        packet, inner = decoded_error(raw)
        made = error_to_ipv6(packet, inner, inet_pton(AF_INET6, ROUTER6), pair(CLIENT6, SERVER6, 5000, 53), 60)
        assert b"LABEL" not in made
        sound(made)
        assert len(made) == 48 + 40 + 108
        assert made[44] == 0

    def test_and_on_the_way_to_ipv4(self) -> None:
        quoted = wire(came_in(bytes(72)))
        assert len(quoted) == 120
        message = b"\x03\0\0\0" + bytes((15, 0, 0, 0)) + quoted + b"\x20\0\xff\xffLABEL..."
        packet = decoded(wire(IPv6(src=CLIENT6, dst=SERVER6, nh=58) / message), verify=False)
        inner = decoded_error(wire(IPv6(src=CLIENT6, dst=SERVER6) / ICMPv6TimeExceeded() / quoted))[1]
        made = error_to_ipv4(packet, inner, inet_pton(AF_INET, OUTSIDE), pair(SERVER, OUTSIDE, 53, 6000), 60, 0)
        assert b"LABEL" not in made
        assert len(made) == 28 + 100
