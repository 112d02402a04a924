"""The IPv6 header and the chain of extension headers behind it."""

import struct

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
    fragment6,
)
from scapy.layers.ipsec import AH

from conntrack.packet.header import FIRST_FRAGMENT, LATER_FRAGMENT, WHOLE
from conntrack.packet.ipv6 import MAX_EXTENSIONS
from tests.unit.packet.build import CLIENT6, SERVER6, decoded, lan6, pair, patched, refusal, wire

CLIENT_SERVER = bytes.fromhex("fd00" + "00" * 13 + "10"), bytes.fromhex("20010db8" + "00" * 11 + "07")


def chain(*headers: bytes) -> bytes:
    """An IPv6 packet around extension headers made by hand; the first one is a hop-by-hop header."""
    body = b"".join(headers)
    return wire(IPv6(src=CLIENT6, dst=SERVER6, nh=0) / body)


def extension(following: int, size: int = 0, data: bytes = bytes(6)) -> bytes:
    return bytes((following, size)) + data


def test_fields() -> None:
    packet = decoded(wire(IPv6(src=CLIENT6, dst=SERVER6, tc=0xB9, fl=0xFFFFF, hlim=3) / UDP(sport=1000, dport=53)))
    assert (packet.version, packet.network, packet.length, packet.transport) == (6, 0, 48, 40)
    assert (packet.tos, packet.hop_limit, packet.protocol) == (0xB9, 3, 17)
    assert (packet.fragment, packet.options) == (WHOLE, False)
    assert packet.pair == pair(*CLIENT_SERVER, 1000, 53)


def test_a_chain_of_every_kind() -> None:
    layers = (
        lan6()
        / IPv6ExtHdrHopByHop()
        / IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(20))])
        / IPv6ExtHdrRouting(addresses=[SERVER6], segleft=0)
        / IPv6ExtHdrFragment(m=0, offset=0, id=1)
        / AH(nh=60, payloadlen=1, spi=1, seq=1, icv=b"")
        / IPv6ExtHdrDestOpt()
        / TCP(sport=1, dport=2, flags="S")
    )
    packet = decoded(wire(layers), verify=False)
    assert packet.protocol == 6
    assert packet.transport == 40 + 8 + 24 + 24 + 8 + 12 + 8
    assert packet.options
    assert packet.fragment == WHOLE  # an atomic fragment is whole (RFC 6946)
    assert packet.pair == pair(*CLIENT_SERVER, 1, 2)


def test_the_checksum_is_judged_past_the_chain() -> None:
    data = wire(lan6() / IPv6ExtHdrHopByHop() / ICMPv6EchoRequest(id=7))
    assert decoded(data).pair == pair(*CLIENT_SERVER, 7, 0x8000)
    assert refusal(patched(data, len(data) - 1, b"\x99")) == "bad-checksum"


def test_fragments_of_a_datagram() -> None:
    whole = lan6() / IPv6ExtHdrFragment(id=5) / UDP(sport=9, dport=10) / bytes(200)
    first, *later = [wire(part) for part in fragment6(whole, 140)]
    packet = decoded(first)
    assert packet.fragment == FIRST_FRAGMENT
    assert packet.pair == pair(*CLIENT_SERVER, 9, 10)
    assert len(later) == 2
    for data in later:
        packet = decoded(data)
        assert (packet.fragment, packet.protocol, packet.transport) == (LATER_FRAGMENT, 17, 48)
        assert packet.pair == pair(*CLIENT_SERVER, 0, 0)


def test_the_chain_of_a_later_fragment_is_not_walked() -> None:
    # what stands there is payload, whatever it looks like
    data = chain(extension(44), bytes((60, 0, 0, 8, 0, 0, 0, 1)), b"\xff" * 8)
    assert decoded(data).protocol == 60


@pytest.mark.parametrize("following", [50, 59, 135, 139, 140, 253])
def test_the_chain_ends_at_what_is_not_walked(following: int) -> None:
    packet = decoded(chain(extension(following)))
    assert (packet.protocol, packet.transport) == (following, 48)
    assert packet.pair == pair(*CLIENT_SERVER, 0, 0)


def test_the_chain_is_bounded() -> None:
    options = [extension(60)] * (MAX_EXTENSIONS - 1)
    assert decoded(chain(*options, extension(59))).protocol == 59
    assert refusal(chain(*options, extension(60), extension(59))) == "too-many-extensions"


@pytest.mark.parametrize(
    "headers",
    [
        [],  # none where one was announced
        [b"\x3b\x00\x00"],  # cut short
        [extension(59, 1)],  # 16 bytes, 8 there
        [extension(60), extension(0)],
        [extension(60), extension(0), extension(59)],  # hop-by-hop in second place
        [extension(44), extension(44), extension(59)],  # two fragment headers
        [extension(51), extension(59, 0)],  # AH without its fixed part
        [extension(43), b"\x3b\x00\x04\x01" + bytes(4)],  # routing header with a segment left
    ],
)
def test_a_bad_chain(headers: list[bytes]) -> None:
    assert refusal(chain(*headers)) == "bad-extension"


def test_link_padding_is_not_part_of_the_packet() -> None:
    assert decoded(wire(lan6() / UDP()) + bytes(3)).length == 48


def test_too_little() -> None:
    assert refusal(wire(lan6() / UDP())[:39]) == "truncated"
    assert refusal(wire(lan6() / UDP())[:47]) == "bad-total-length"


def test_a_payload_length_of_zero_has_no_transport() -> None:
    assert refusal(patched(wire(lan6() / UDP()), 4, struct.pack("!H", 0))) == "truncated"


def test_a_group_cannot_be_a_sender() -> None:
    assert refusal(wire(IPv6(src="ff02::1", dst=SERVER6) / UDP())) == "bad-address"


def test_the_unspecified_address_may_be_one() -> None:
    # duplicate address detection
    assert decoded(wire(IPv6(src="::", dst=SERVER6) / UDP())).pair[:16] == bytes(16)
