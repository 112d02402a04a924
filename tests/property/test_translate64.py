"""What holds for every packet that NAT64 translates: there and back it is the same, and its checksums are right."""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address, IPv6Address

from hypothesis import assume, given
from hypothesis import strategies as st

from conntrack.packet.checksum import delta
from conntrack.packet.error64 import error_to_ipv4, error_to_ipv6
from conntrack.packet.errors import Malformed
from conntrack.packet.header import ICMP, ICMP_ERROR, ICMPV6, TCP, UDP, Packet
from conntrack.packet.parse import parse, parse_embedded
from conntrack.packet.prefix64 import LENGTHS, embed, extract
from conntrack.packet.translate64 import to_ipv4, to_ipv6
from tests.property.packets import Pair, Recipe, pairs, recipes, recipes_and_pairs
from tests.property.test_packet import error_about
from tests.unit.packet.build import decoded
from tests.unit.packet.test_translate64 import sound

CROSSING = (TCP, UDP, ICMP, ICMPV6)
OTHER_KIND = {128: 8, 129: 0, 8: 128, 0: 129}


def packed(pair: Pair, packet: Packet) -> bytes:
    """A pair of the other IP version; of a query the type that it has there."""
    family = socket.AF_INET6 if ":" in pair.source else socket.AF_INET
    last = pair.dport
    if packet.protocol in (ICMP, ICMPV6):
        last = OTHER_KIND[packet.pair[-2]] << 8 | packet.pair[-1]
    return (
        socket.inet_pton(family, pair.source)
        + socket.inet_pton(family, pair.destination)
        + struct.pack("!HH", pair.sport, last)
    )


def crosses(recipe: Recipe) -> bool:
    return recipe.protocol in CROSSING and not any(extra.name == "AH" for extra in recipe.extras)


@given(recipes(6).filter(crosses), pairs(6), pairs(4), st.booleans())
def test_from_ipv6_to_ipv4_and_back(recipe: Recipe, pair: Pair, other: Pair, cut: bool) -> None:
    packet = decoded(recipe.build(pair))
    new = packed(other, packet)
    raw = to_ipv4(packet, new, delta(packet.pair, new), packet.hop_limit, packet.tos, 0x55AA, cut)
    sound(raw)
    middle = decoded(raw)
    assert middle.pair == new
    assert (middle.tos, middle.hop_limit, middle.length - 20) == (
        packet.tos,
        packet.hop_limit,
        packet.length - packet.transport,
    )
    [back] = to_ipv6(middle, packet.pair, delta(new, packet.pair), middle.hop_limit, middle.tos, False)
    assert back[40:] == packet.raw[packet.transport : packet.length]
    end = decoded(back)
    assert (end.pair, end.tos, end.hop_limit) == (packet.pair, packet.tos, packet.hop_limit)


@given(recipes(4).filter(crosses), pairs(4), pairs(6))
def test_from_ipv4_to_ipv6_and_back(recipe: Recipe, pair: Pair, other: Pair) -> None:
    packet = decoded(recipe.build(pair))
    new = packed(other, packet)
    [raw] = to_ipv6(packet, new, delta(packet.pair, new), packet.hop_limit, packet.tos, False)
    sound(raw)
    middle = decoded(raw)
    assert (middle.pair, middle.tos, middle.hop_limit) == (new, packet.tos, packet.hop_limit)
    back = to_ipv4(middle, packet.pair, delta(new, packet.pair), middle.hop_limit, middle.tos, 0, False)
    was = bytearray(packet.raw[packet.transport : packet.length])
    if packet.protocol == UDP and was[6:8] == b"\0\0":
        was[6:8] = back[26:28]  # there was none, and IPv6 made one
    assert back[20:] == bytes(was)
    sound(back)


@given(recipes_and_pairs(2), pairs(4), pairs(6), st.integers(28, 200))
def test_errors_are_right_whatever_they_quote(
    drawn: tuple[Recipe, list[Pair]], four: Pair, six: Pair, size: int
) -> None:
    recipe, (pair, inside) = drawn
    packet, inner = Packet(), Packet()
    try:
        parse(error_about(recipe, pair, inside), packet)
        assert packet.kind == ICMP_ERROR
        parse_embedded(packet, inner)
    except Malformed:
        assume(False)
    assume(inner.protocol in CROSSING)
    if packet.version == 4:
        made = error_to_ipv6(packet, inner, IPv6Address(six.source).packed, packed(six, inner), 60)
        longest = 1280
    else:
        made = error_to_ipv4(packet, inner, IPv4Address(four.source).packed, packed(four, inner), 60, size)
        longest = 576
    assert len(made) <= longest
    if made:
        sound(made)
        again, there = decoded(made), Packet()
        parse_embedded(again, there)
        assert there.pair == packed(six if packet.version == 4 else four, inner)


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16), st.sampled_from(LENGTHS))
def test_an_address_comes_out_of_every_prefix_as_it_went_in(address: bytes, prefix: bytes, length: int) -> None:
    prefix = prefix[: length // 8].ljust(16, b"\0")
    if length == 96:
        prefix = prefix[:8] + b"\0" + prefix[9:]
    inside = embed(address, prefix, length)
    assert len(inside) == 16
    assert inside[8] == 0
    assert inside[: length // 8] == prefix[: length // 8]
    assert extract(inside, prefix, length) == address
