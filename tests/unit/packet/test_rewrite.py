"""Translation: a masqueraded packet must be what the gateway itself would have sent, byte for byte."""

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP, fragment
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    ICMPv6NIQueryName,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrHopByHop,
)
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.packet import Packet as Layer

from conntrack.packet import reason
from conntrack.packet.checksum import ones_sum
from conntrack.packet.errors import Malformed
from conntrack.packet.header import Packet
from conntrack.packet.rewrite import deltas, set_tos, translate
from tests.unit.packet.build import (
    GATEWAY,
    GATEWAY6,
    SERVER,
    SERVER6,
    dccp,
    decoded,
    lan,
    lan6,
    patched,
    udplite,
    wire,
    with_header_checksum,
)

WAN = IP(src=GATEWAY, dst=SERVER, ttl=64, id=7)
WAN6 = IPv6(src=GATEWAY6, dst=SERVER6, hlim=64)
TIMESTAMP = [("NOP", None), ("NOP", None), ("Timestamp", (123456, 654321))]


def translated(data: bytes, pair: bytes) -> bytes:
    packet = decoded(data, verify=False)
    return translate(packet, pair, *deltas(packet.protocol, packet.pair, pair))


def becomes(data: bytes, expected: bytes) -> None:
    """`data`, translated to the pair of `expected`, is `expected`; and back again."""
    there = translated(data, decoded(expected, verify=False).pair)
    assert there.hex() == expected.hex()
    assert translated(there, decoded(data, verify=False).pair).hex() == data.hex()


@pytest.mark.parametrize("payload", [b"", b"x", b"GET / HTTP/1.1\r\n\r\n", bytes(1400)], ids=["0", "1", "18", "1400"])
@pytest.mark.parametrize(("inside", "outside"), [(lan(), WAN), (lan6(), WAN6)], ids=["ipv4", "ipv6"])
class TestMasquerade:
    """lan > client:40000 → wan > gateway:1025"""

    def test_tcp(self, inside: Layer, outside: Layer, payload: bytes) -> None:
        segment = {"dport": 443, "flags": "PA", "seq": 77, "ack": 88, "options": TIMESTAMP}
        becomes(
            wire(inside / TCP(sport=40000, **segment) / payload), wire(outside / TCP(sport=1025, **segment) / payload)
        )

    def test_udp(self, inside: Layer, outside: Layer, payload: bytes) -> None:
        becomes(
            wire(inside / UDP(sport=40000, dport=53) / payload), wire(outside / UDP(sport=1025, dport=53) / payload)
        )

    def test_udplite(self, inside: Layer, outside: Layer, payload: bytes) -> None:
        becomes(udplite(inside, 40000, 53, payload, 8), udplite(outside, 1025, 53, payload, 8))

    def test_dccp(self, inside: Layer, outside: Layer, payload: bytes) -> None:
        becomes(dccp(inside, 40000, 53, payload, 1), dccp(outside, 1025, 53, payload, 1))

    def test_sctp(self, inside: Layer, outside: Layer, payload: bytes) -> None:
        chunk = SCTPChunkData(data=payload, tsn=1)
        becomes(wire(inside / SCTP(sport=40000, dport=9) / chunk), wire(outside / SCTP(sport=1025, dport=9) / chunk))

    def test_a_protocol_without_ports(self, inside: Layer, outside: Layer, payload: bytes) -> None:
        field = "proto" if inside.version == 4 else "nh"
        inside, outside = inside.copy(), outside.copy()
        inside.setfieldval(field, 47)
        outside.setfieldval(field, 47)
        becomes(wire(inside / payload), wire(outside / payload))


@pytest.mark.parametrize("kind", [8, 0, 13, 14, 15, 16, 17, 18])
def test_an_icmp_query_gets_another_identifier(kind: int) -> None:
    becomes(wire(lan() / ICMP(type=kind, id=1, seq=5) / b"abc"), wire(WAN / ICMP(type=kind, id=40000, seq=5) / b"abc"))


def test_an_icmpv6_echo_gets_another_identifier() -> None:
    becomes(
        wire(lan6() / ICMPv6EchoRequest(id=1, seq=5, data=b"abc")),
        wire(WAN6 / ICMPv6EchoRequest(id=40000, seq=5, data=b"abc")),
    )


def test_node_information_keeps_its_query_type() -> None:
    # RFC 4620 §5: Qtype stands where an echo has its identifier
    data = wire(lan6() / ICMPv6NIQueryName(data="host"))
    packet = decoded(data)
    wanted = decoded(wire(WAN6 / ICMPv6NIQueryName(data="host"))).pair[:32] + b"\x99\x99" + packet.pair[34:]
    there = translated(data, wanted)
    assert there[44:46] == data[44:46]
    assert decoded(there).pair[:32] == wanted[:32]


def test_other_icmp_changes_its_addresses_only() -> None:
    becomes(wire(lan() / ICMP(type=9) / bytes(8)), wire(WAN / ICMP(type=9) / bytes(8)))
    becomes(wire(lan6() / ICMPv6ND_NS(tgt=SERVER6)), wire(WAN6 / ICMPv6ND_NS(tgt=SERVER6)))


@pytest.mark.parametrize("transport", [TCP(sport=1, dport=2, flags="A"), UDP(sport=1, dport=2), ICMP(id=5)])
def test_ipv4_options_stay(transport: Layer) -> None:
    inside, outside = lan(), WAN.copy()
    inside.options = outside.options = [IPOption_NOP()] * 4
    becomes(wire(inside / transport), wire(outside / transport))


def test_extension_headers_stay() -> None:
    chain = IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt()
    becomes(wire(lan6() / chain / UDP(sport=1, dport=2) / b"x"), wire(WAN6 / chain / UDP(sport=3, dport=2) / b"x"))


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        (lan() / UDP(sport=1, dport=2, chksum=0) / b"abcd", WAN / UDP(sport=9, dport=2, chksum=0) / b"abcd"),
        (
            IP(src="10.0.0.1", dst=SERVER, options=[IPOption_NOP()]) / UDP(sport=1, dport=2, chksum=0),
            IP(src=GATEWAY, dst=SERVER, options=[IPOption_NOP()]) / UDP(sport=9, dport=2, chksum=0),
        ),
    ],
    ids=["plain", "options"],
)
def test_udp_without_a_checksum_stays_without(inside: Layer, outside: Layer) -> None:
    becomes(wire(inside), wire(outside))


@pytest.mark.parametrize("ip", [lan(), lan6()], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("lite", [False, True], ids=["udp", "udplite"])
def test_a_sum_that_comes_out_as_zero_is_sent_as_ones(ip: Layer, lite: bool) -> None:
    # choose the port so that the checksum would be 0
    data = udplite(ip, 1, 2, b"abcd") if lite else wire(ip / UDP(sport=1, dport=2) / b"abcd")
    packet = decoded(data)
    checksum = int.from_bytes(data[packet.transport + 6 : packet.transport + 8], "big")
    port = (1 + checksum) % 0xFFFF
    there = translated(data, packet.pair[:-4] + port.to_bytes(2, "big") + packet.pair[-2:])
    assert there[packet.transport + 6 : packet.transport + 8] == b"\xff\xff"
    assert decoded(there).pair[-4:-2] == port.to_bytes(2, "big")


def test_a_wrong_checksum_stays_wrong() -> None:
    data = wire(lan() / TCP(sport=1, dport=2, flags="A", chksum=0x1234))
    there = translated(data, decoded(wire(WAN / TCP(sport=9, dport=2, flags="A"))).pair)
    with pytest.raises(Malformed):
        decoded(there)


@pytest.mark.parametrize("transport", [TCP(sport=1, dport=2, flags="A"), UDP(sport=1, dport=2), SCTP(sport=1, dport=2)])
def test_link_padding_stays_behind_the_packet(transport: Layer) -> None:
    data = wire(lan() / transport) + b"\xaa\xbb\xcc"
    pair = decoded(wire(WAN / transport)).pair[:8] + bytes.fromhex("8888 0002")
    there = translated(data, pair)
    assert there[-3:] == b"\xaa\xbb\xcc"
    assert decoded(there).pair == pair


class TestFragments:
    def test_every_fragment_of_a_datagram_fits_again(self) -> None:
        inside = fragment(lan() / UDP(sport=1, dport=2) / bytes(range(100)), fragsize=48)
        outside = fragment(WAN / UDP(sport=9, dport=2) / bytes(range(100)), fragsize=48)
        for before, after in zip(inside, outside, strict=True):
            becomes(wire(before), wire(after))

    def test_of_sctp_only_addresses_can_change(self) -> None:
        whole = wire(lan() / SCTP(sport=1, dport=2) / bytes(40))
        packet = decoded(with_header_checksum(patched(whole, 6, b"\x20\x00")))
        addresses = decoded(wire(WAN / UDP())).pair[:8]
        same_ports = addresses + packet.pair[8:]
        assert translate(packet, same_ports, *deltas(132, packet.pair, same_ports))[20:] == whole[20:]
        with pytest.raises(Malformed) as caught:
            translate(packet, addresses + b"abcd", 0, 0)
        assert caught.value.reason == reason.FRAGMENT


class TestPartial:
    """The kernel left the pseudo header's sum in the field (CHECKSUM_PARTIAL): the ports are not in it."""

    @staticmethod
    def partial(data: bytes, place: int) -> Packet:
        packet = decoded(data)
        size = packet.length - packet.transport
        addresses = packet.pair[: len(packet.pair) - 4]
        field = (ones_sum(addresses) + packet.protocol + size) % 0xFFFF
        packet = decoded(patched(data, packet.transport + place, field.to_bytes(2, "big")), verify=False)
        packet.partial = True
        return packet

    @pytest.mark.parametrize(
        ("inside", "outside", "place"),
        [
            (lan() / TCP(sport=1, dport=2, flags="A") / b"abc", WAN / TCP(sport=9, dport=2, flags="A") / b"abc", 16),
            (lan() / UDP(sport=1, dport=2) / b"abc", WAN / UDP(sport=9, dport=2) / b"abc", 6),
            (lan6() / TCP(sport=1, dport=2, flags="A") / b"abc", WAN6 / TCP(sport=9, dport=2, flags="A") / b"abc", 16),
            (lan6() / UDP(sport=1, dport=2) / b"abc", WAN6 / UDP(sport=9, dport=2) / b"abc", 6),
        ],
        ids=["tcp", "udp", "tcp-v6", "udp-v6"],
    )
    def test_the_field_follows_the_addresses_alone(self, inside: Layer, outside: Layer, place: int) -> None:
        packet = self.partial(wire(inside), place)
        expected = self.partial(wire(outside), place)
        there = translate(packet, expected.pair, *deltas(packet.protocol, packet.pair, expected.pair))
        assert there.hex() == expected.raw.hex()

    def test_icmp_has_no_pseudo_header(self) -> None:
        packet = decoded(wire(lan() / ICMP(id=1)))
        packet.partial = True
        pair = decoded(wire(WAN / ICMP(id=2))).pair
        assert translate(packet, pair, *deltas(1, packet.pair, pair))[22:24] == packet.raw[22:24]

    def test_the_crc_of_sctp_is_left_to_the_kernel(self) -> None:
        packet = decoded(wire(lan() / SCTP(sport=1, dport=2) / b"abcd"))
        packet.partial = True
        pair = packet.pair[:8] + b"\x11\x11" + packet.pair[10:]
        there = translate(packet, pair, *deltas(132, packet.pair, pair))
        assert there[20:] == b"\x11\x11" + packet.raw[22:]


@pytest.mark.parametrize("tos", [0, 0x01, 0xB8, 0xFF])
@pytest.mark.parametrize("before", [0, 0x2E, 0xFF])
def test_set_tos(tos: int, before: int) -> None:
    segment = TCP(sport=1, dport=2, flags="A")
    plain = IP(src=GATEWAY, dst=SERVER, tos=before) / segment
    marked = IP(src=GATEWAY, dst=SERVER, tos=tos) / segment
    assert set_tos(wire(plain), tos) == wire(marked)
    plain6 = IPv6(src=GATEWAY6, dst=SERVER6, tc=before, fl=0xABCDE) / segment
    marked6 = IPv6(src=GATEWAY6, dst=SERVER6, tc=tos, fl=0xABCDE) / segment
    assert set_tos(wire(plain6), tos) == wire(marked6)
