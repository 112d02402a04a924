"""ICMP errors on their way back through a translation: the host inside must read about a packet that it sent.

Traces run like this: client > gateway > router; the router answers with an error about what the *gateway* sent, and
what reaches the client must be, byte for byte, an error about what the client sent.
"""

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrHopByHop,
)
from scapy.layers.sctp import SCTP
from scapy.packet import Packet as Layer

from conntrack.packet.header import Packet
from conntrack.packet.parse import parse_embedded
from conntrack.packet.rewrite import translate_error
from tests.unit.packet.build import (
    CLIENT,
    CLIENT6,
    GATEWAY,
    GATEWAY6,
    SERVER,
    SERVER6,
    dccp,
    decoded,
    decoded_error,
    lan,
    lan6,
    patched,
    refusal,
    udplite,
    wire,
)

ROUTER, ROUTER6 = "203.0.113.254", "2001:db8:ffff::1"
WAN = IP(src=GATEWAY, dst=SERVER, ttl=1, id=7)
LAN = IP(src=CLIENT, dst=SERVER, ttl=1, id=7)
WAN6 = IPv6(src=GATEWAY6, dst=SERVER6, hlim=1)
LAN6 = IPv6(src=CLIENT6, dst=SERVER6, hlim=1)
TO_GATEWAY = IP(src=ROUTER, dst=GATEWAY) / ICMP(type=11)
TO_CLIENT = IP(src=ROUTER, dst=CLIENT) / ICMP(type=11)


def becomes(received: bytes, expected: bytes) -> None:
    """The received error, told about the pairs of the expected one, is the expected one; and back again."""
    for before, after in ((received, expected), (expected, received)):
        outer, inner = decoded_error(after)
        assert translate_error(*decoded_error(before), outer.pair, inner.pair).hex() == after.hex()


QUOTES = {
    "tcp": (wire(WAN / TCP(sport=1025, dport=80, seq=9)), wire(LAN / TCP(sport=40000, dport=80, seq=9))),
    "udp": (wire(WAN / UDP(sport=1025, dport=33434) / b"probe"), wire(LAN / UDP(sport=40000, dport=33434) / b"probe")),
    "udp without checksum": (
        wire(WAN / UDP(sport=1025, dport=33434, chksum=0)),
        wire(LAN / UDP(sport=40000, dport=33434, chksum=0)),
    ),
    "udplite": (udplite(WAN, 1025, 33434, b"probe"), udplite(LAN, 40000, 33434, b"probe")),
    "dccp": (dccp(WAN, 1025, 33434, b"probe"), dccp(LAN, 40000, 33434, b"probe")),
    "ping": (wire(WAN / ICMP(id=1025, seq=2) / b"ping"), wire(LAN / ICMP(id=40000, seq=2) / b"ping")),
    "gre": (wire(IP(src=GATEWAY, dst=SERVER, proto=47) / b"gre"), wire(IP(src=CLIENT, dst=SERVER, proto=47) / b"gre")),
    "options": (
        wire(IP(src=GATEWAY, dst=SERVER, options=[IPOption_NOP()] * 4) / UDP(sport=1025, dport=9)),
        wire(IP(src=CLIENT, dst=SERVER, options=[IPOption_NOP()] * 4) / UDP(sport=40000, dport=9)),
    ),
}


@pytest.mark.parametrize("quote", QUOTES)
@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12])
def test_a_whole_packet_quoted(quote: str, kind: int) -> None:
    received, expected = QUOTES[quote]
    becomes(
        wire(IP(src=ROUTER, dst=GATEWAY) / ICMP(type=kind) / received),
        wire(IP(src=ROUTER, dst=CLIENT) / ICMP(type=kind) / expected),
    )


@pytest.mark.parametrize("quote", ["tcp", "udp", "udp without checksum", "udplite", "ping"])
@pytest.mark.parametrize("size", [28, 29, 36, 38, 39])
def test_a_quote_cut_short(quote: str, size: int) -> None:
    # 28 and 36 bytes end before TCP's checksum, 38 just behind it
    received, expected = QUOTES[quote]
    becomes(wire(TO_GATEWAY / received[:size]), wire(TO_CLIENT / expected[:size]))


def test_half_a_checksum_cannot_be_updated() -> None:
    received, expected = QUOTES["tcp"]
    packet, inner = decoded_error(wire(TO_GATEWAY / received[:37]))
    outer, wanted = decoded_error(wire(TO_CLIENT / expected[:37]))
    there = translate_error(packet, inner, outer.pair, wanted.pair)
    assert decoded_error(there)[1].pair == wanted.pair
    assert there[28:64] == wire(TO_CLIENT / expected[:37])[28:64]
    assert there[64] == received[36]


@pytest.mark.parametrize("message", [ICMPv6TimeExceeded(), ICMPv6PacketTooBig(mtu=1280)], ids=["exceeded", "too-big"])
@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (wire(WAN6 / TCP(sport=1025, dport=80)), wire(LAN6 / TCP(sport=40000, dport=80))),
        (wire(WAN6 / UDP(sport=1025, dport=80) / b"odd"), wire(LAN6 / UDP(sport=40000, dport=80) / b"odd")),
        (wire(WAN6 / ICMPv6EchoRequest(id=1025)), wire(LAN6 / ICMPv6EchoRequest(id=40000))),
        (
            wire(WAN6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP(sport=1025, dport=80)),
            wire(LAN6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP(sport=40000, dport=80)),
        ),
        (wire(WAN6 / TCP(sport=1025, dport=80))[:49], wire(LAN6 / TCP(sport=40000, dport=80))[:49]),
    ],
    ids=["tcp", "udp", "ping", "extensions", "cut"],
)
def test_ipv6(message: Layer, received: bytes, expected: bytes) -> None:
    becomes(
        wire(IPv6(src=ROUTER6, dst=GATEWAY6) / message / received),
        wire(IPv6(src=ROUTER6, dst=CLIENT6) / message / expected),
    )


def test_the_sender_of_the_error_can_change_too() -> None:
    # hairpin: an inside host complains, and the other inside host knows the outside address only
    quoted = wire(IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2))
    shown = wire(IP(src="10.0.0.1", dst=GATEWAY) / UDP(sport=1, dport=8080))
    becomes(
        wire(IP(src="10.0.0.2", dst=GATEWAY) / ICMP(type=3, code=3) / quoted),
        wire(IP(src=GATEWAY, dst="10.0.0.1") / ICMP(type=3, code=3) / shown),
    )


def test_outer_options_and_padding_stay() -> None:
    received, expected = QUOTES["udp"]
    options = {"options": [IPOption_NOP()] * 4}
    before = wire(IP(src=ROUTER, dst=GATEWAY, **options) / ICMP(type=11) / received) + b"\xaa\xbb"
    after = wire(IP(src=ROUTER, dst=CLIENT, **options) / ICMP(type=11) / expected) + b"\xaa\xbb"
    becomes(before, after)


def test_extension_objects_behind_the_quote_stay() -> None:
    # RFC 4884: the quote is padded to 128 bytes, an MPLS label follows
    received, expected = QUOTES["udp"]
    label = bytes.fromhex("20000000 00080101 00010101")
    becomes(
        wire(TO_GATEWAY / (received + bytes(128 - len(received)) + label)),
        wire(TO_CLIENT / (expected + bytes(128 - len(expected)) + label)),
    )


def test_the_crc_of_a_quoted_sctp_packet_is_kept() -> None:
    quoted = wire(WAN / SCTP(sport=1025, dport=9) / b"abcd")
    data = wire(TO_GATEWAY / quoted)
    packet, inner = decoded_error(data)
    pair = decoded(wire(LAN / UDP(sport=40000, dport=9))).pair
    there = translate_error(packet, inner, packet.pair, pair)
    again, inner_again = decoded_error(there)
    assert inner_again.pair == pair
    assert there[again.transport + 36 :] == data[packet.transport + 36 :]


def test_wrong_checksums_of_the_quote_stay_wrong_and_the_icmp_checksum_right() -> None:
    received = patched(QUOTES["udp"][0], 26, b"\x12\x34")
    packet, inner = decoded_error(wire(TO_GATEWAY / received))
    pair = decoded(QUOTES["udp"][1]).pair
    there = translate_error(packet, inner, decoded(wire(TO_CLIENT / QUOTES["udp"][1])).pair, pair)
    _, inner_again = decoded_error(there)  # judges the ICMP checksum
    assert inner_again.pair == pair
    assert there[54:56] != QUOTES["udp"][1][26:28]


def test_a_wrong_icmp_checksum_is_not_made_right() -> None:
    data = wire(IP(src=ROUTER, dst=GATEWAY) / ICMP(type=11, chksum=0x1234) / QUOTES["udp"][0])
    packet = decoded(data, verify=False)
    inner = Packet()
    parse_embedded(packet, inner)
    there = translate_error(packet, inner, packet.pair[:4] + inner.pair[:4] + packet.pair[8:], inner.pair)
    assert refusal(there) == "bad-checksum"


def test_the_untouched_stays_as_it_was() -> None:
    for outer, quoted in ((lan() / ICMP(type=3), lan()), (lan6() / ICMPv6TimeExceeded(), lan6())):
        data = wire(outer / wire(quoted / UDP(sport=1, dport=2) / b"x"))
        packet, inner = decoded_error(data)
        assert translate_error(packet, inner, packet.pair, inner.pair) == data
