"""IPv6 packets as IPv4 ones and back: every field, the checksums by scapy."""

from __future__ import annotations

import struct
from socket import AF_INET, AF_INET6, inet_pton

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_LSRR, IPOption_NOP, IPOption_SSRR
from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    defragment6,
)
from scapy.layers.ipsec import AH
from scapy.layers.sctp import SCTP
from scapy.packet import Packet as Layer

from conntrack.packet.checksum import delta
from conntrack.packet.translate64 import is_source_routed, may_fragment, to_ipv4, to_ipv6
from tests.unit.packet.build import decoded, wire

CLIENT6, SERVER6 = "2001:db8:10::5", "64:ff9b::c633:6409"
OUTSIDE, SERVER = "203.0.113.1", "198.51.100.9"


def pair(source: str, destination: str, sport: int, dport: int) -> bytes:
    family = AF_INET6 if ":" in source else AF_INET
    return inet_pton(family, source) + inet_pton(family, destination) + struct.pack("!HH", sport, dport)


def out(layers: Layer, sport: int, dport: int, *, cut: bool = False, tos: int | None = None) -> bytes:
    """An IPv6 packet's translation to OUTSIDE:sport → SERVER:dport."""
    packet = decoded(wire(layers))
    new = pair(OUTSIDE, SERVER, sport, dport)
    tos = int(packet.tos) if tos is None else tos
    return to_ipv4(packet, new, delta(packet.pair, new), packet.hop_limit, tos, 0x1234, cut)


def back(layers: Layer, sport: int, dport: int, *, cut: bool = False) -> list[bytes]:
    """An IPv4 packet's translation to SERVER6:sport → CLIENT6:dport."""
    packet = decoded(wire(layers))
    new = pair(SERVER6, CLIENT6, sport, dport)
    return to_ipv6(packet, new, delta(packet.pair, new), packet.hop_limit, packet.tos, cut)


def sound(raw: bytes) -> Layer:
    """The packet as scapy reads it, whose checksums are those that scapy would have made."""
    read = IP(raw) if raw[0] >> 4 == 4 else IPv6(raw)
    again = read.copy()
    if IP in again:
        again.chksum = None
    for name in ("chksum", "cksum"):
        if name in {field.name for field in again.payload.fields_desc}:  # hasattr would find that of a quoted packet
            setattr(again.payload, name, None)
    assert wire(again) == raw
    return read


def six() -> Layer:
    return IPv6(src=CLIENT6, dst=SERVER6, hlim=57, tc=0xB9, fl=0x12345)


def four(**fields: object) -> Layer:
    return IP(**{"src": SERVER, "dst": OUTSIDE, "ttl": 51, "tos": 0x2E, "id": 77, **fields})


class TestToIPv4:
    def test_tcp_keeps_all_but_addresses_and_ports(self) -> None:
        segment = TCP(sport=40000, dport=443, seq=9, ack=8, flags="PA", options=[("NOP", None), ("WScale", 7)])
        read = sound(out(six() / segment / b"odd", 50000, 443))
        assert (read.src, read.dst, read.ttl, read.tos, read.id) == (OUTSIDE, SERVER, 57, 0xB9, 0x1234)
        assert (read[TCP].sport, read[TCP].dport, read[TCP].seq, read[TCP].ack) == (50000, 443, 9, 8)
        assert read[TCP].options[:2] == [("NOP", None), ("WScale", 7)]
        assert bytes(read[TCP].payload) == b"odd"

    @pytest.mark.parametrize("payload", [b"", b"x", b"datagram"])
    def test_udp(self, payload: bytes) -> None:
        read = sound(out(six() / UDP(sport=5000, dport=53) / payload, 6000, 53))
        assert (read[UDP].sport, read[UDP].dport, bytes(read[UDP].payload)) == (6000, 53, payload)

    def test_a_udp_checksum_that_comes_out_as_zero_is_written_as_all_ones(self) -> None:
        packet = decoded(wire(six() / UDP(sport=5000, dport=53) / b"ab"))
        new = pair(OUTSIDE, SERVER, 6000, 53)
        exact = (0xFFFF ^ struct.unpack_from("!H", packet.raw, 46)[0]) % 0xFFFF
        assert to_ipv4(packet, new, (0xFFFF - exact) % 0xFFFF, 64, 0, 0, False)[26:28] == b"\xff\xff"

    @pytest.mark.parametrize(("message", "kind"), [(ICMPv6EchoRequest, 8), (ICMPv6EchoReply, 0)])
    @pytest.mark.parametrize("data", [b"", b"odd", bytes(56)])
    def test_echo(self, message: type[Layer], kind: int, data: bytes) -> None:
        read = sound(out(six() / message(id=7, seq=3, data=data), 9, kind << 8))
        assert (read.proto, read[ICMP].type, read[ICMP].code, read[ICMP].id, read[ICMP].seq) == (1, kind, 0, 9, 3)
        assert bytes(read[ICMP].payload) == data

    def test_routers_may_fragment_small_packets_only(self) -> None:
        small, large = (sound(out(six() / UDP(sport=1, dport=2) / bytes(size), 1, 2)) for size in (1232, 1233))
        assert (small.len, str(small.flags), large.len, str(large.flags)) == (1260, "", 1261, "DF")

    def test_what_came_in_fragments_may_be_fragmented_again(self) -> None:
        assert str(sound(out(six() / UDP(sport=1, dport=2) / bytes(3000), 1, 2, cut=True)).flags) == ""

    def test_extension_headers_are_left_out(self) -> None:
        chain = IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting(addresses=["fd00::9"], segleft=0)
        layers = six() / chain / IPv6ExtHdrFragment(id=9) / UDP(sport=5000, dport=53) / b"data"
        raw = wire(layers)
        read = sound(out(IPv6(raw), 6000, 53))
        assert (read.len, read.proto, bytes(read[UDP].payload)) == (32, 17, b"data")

    def test_an_authenticated_packet_has_no_translation(self) -> None:
        inside = wire(UDP(sport=5000, dport=53) / b"data")
        raw = wire(six() / AH(nh=17, payloadlen=4, spi=1, seq=1, icv=bytes(12)) / inside)
        packet = decoded(raw, verify=False)
        assert packet.protocol == 17
        assert to_ipv4(packet, pair(OUTSIDE, SERVER, 1, 2), 0, 64, 0, 0, False) == b""

    @pytest.mark.parametrize("other", [ICMPv6ND_NS(), SCTP(sport=1, dport=2)])
    def test_other_protocols_have_none(self, other: Layer) -> None:
        assert out(six() / other, 1, 2) == b""

    def test_nor_has_a_datagram_that_ipv4_cannot_hold(self) -> None:
        assert len(out(six() / UDP(sport=1, dport=2) / bytes(65507), 1, 2, cut=True)) == 65535
        assert out(six() / UDP(sport=1, dport=2) / bytes(65508), 1, 2, cut=True) == b""

    def test_the_traffic_class_may_be_set(self) -> None:
        assert sound(out(six() / UDP(sport=1, dport=2), 1, 2, tos=0x48)).tos == 0x48

    def test_a_wrong_checksum_stays_wrong(self) -> None:
        raw = bytearray(wire(six() / TCP(sport=1, dport=2) / b"data"))
        raw[-1] ^= 1
        packet = decoded(bytes(raw), verify=False)
        new = pair(OUTSIDE, SERVER, 1, 2)
        made = to_ipv4(packet, new, delta(packet.pair, new), 64, 0, 0, False)
        with pytest.raises(AssertionError):
            sound(made)


class TestToIPv6:
    def test_tcp(self) -> None:
        [raw] = back(four(flags="DF") / TCP(sport=443, dport=50000, flags="SA", seq=1, ack=2), 443, 40000)
        read = sound(raw)
        assert (read.src, read.dst, read.hlim, read.tc, read.fl) == (SERVER6, CLIENT6, 51, 0x2E, 0)
        assert (read[TCP].sport, read[TCP].dport, str(read[TCP].flags)) == (443, 40000, "SA")

    def test_udp_without_a_checksum_gets_one(self) -> None:
        for payload in (b"", b"odd", b"even"):
            [raw] = back(four() / UDP(sport=53, dport=6000, chksum=0) / payload, 53, 5000)
            assert sound(raw)[UDP].chksum != 0

    def test_echo(self) -> None:
        [raw] = back(four() / ICMP(type=0, id=9, seq=3) / b"odd", 7, 129 << 8)
        read = sound(raw)
        assert (type(read.payload), read.payload.id, read.payload.seq, read.payload.data) == (
            ICMPv6EchoReply,
            7,
            3,
            b"odd",
        )

    def test_options_are_left_out(self) -> None:
        [raw] = back(four(options=[IPOption_NOP()] * 4) / UDP(sport=53, dport=6000) / b"data", 53, 5000)
        assert sound(raw).plen == 12

    @pytest.mark.parametrize("option", [IPOption_LSRR, IPOption_SSRR])
    def test_a_source_route_with_a_hop_to_go_has_no_translation(self, option: type[Layer]) -> None:
        for pointer, routed in ((4, True), (8, False)):
            route = option(routers=["192.0.2.1"], pointer=pointer)
            packet = decoded(wire(four(options=[IPOption_NOP(), route]) / UDP(sport=53, dport=6000)), verify=False)
            assert is_source_routed(packet) is routed
            assert bool(to_ipv6(packet, pair(SERVER6, CLIENT6, 53, 5000), 0, 64, 0, False)) is not routed

    def test_a_large_packet_is_cut_into_pieces_that_every_link_takes(self) -> None:
        payload = bytes(range(256)) * 12
        pieces = back(four(id=0xABCD) / UDP(sport=53, dport=6000) / payload, 53, 5000, cut=True)
        assert [len(piece) for piece in pieces] == [1280, 1280, 40 + 8 + 8 + 3072 - 2464]
        assert {IPv6(piece)[IPv6ExtHdrFragment].id for piece in pieces} == {0xABCD}
        whole = defragment6([IPv6(piece) for piece in pieces])
        assert bytes(whole[UDP].payload) == payload
        rebuilt = whole.copy()
        del rebuilt[UDP].chksum
        assert IPv6(wire(rebuilt))[UDP].chksum == whole[UDP].chksum

    def test_one_that_fits_is_not(self) -> None:
        [raw] = back(four() / UDP(sport=53, dport=6000) / bytes(1232), 53, 5000, cut=True)
        assert len(raw) == 1280
        assert len(back(four() / UDP(sport=53, dport=6000) / bytes(1233), 53, 5000, cut=True)) == 2

    def test_one_that_may_not_be_cut_is_not_either(self) -> None:
        assert [len(raw) for raw in back(four(flags="DF") / UDP(sport=53, dport=6000) / bytes(1400), 53, 5000)] == [
            1448
        ]

    def test_whether_routers_may_fragment_it(self) -> None:
        assert may_fragment(decoded(wire(four() / UDP())))
        assert not may_fragment(decoded(wire(four(flags="DF") / UDP())))

    def test_link_padding_is_left_behind(self) -> None:
        packet = decoded(wire(four() / UDP(sport=53, dport=6000) / b"x") + bytes(18))
        new = pair(SERVER6, CLIENT6, 53, 5000)
        [raw] = to_ipv6(packet, new, delta(packet.pair, new), 64, 0, False)
        assert len(raw) == 49
