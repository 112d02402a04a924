"""What holds for every packet: never another exception than Malformed, and translation as if never sent otherwise."""

from __future__ import annotations

import contextlib
import socket
import struct

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6

from conntrack.packet import checksum
from conntrack.packet.checksum import adjust, delta, ones_sum
from conntrack.packet.errors import Malformed
from conntrack.packet.header import WHOLE, Packet
from conntrack.packet.mss import clamp_mss
from conntrack.packet.parse import parse, parse_embedded
from conntrack.packet.registry import DECODERS, Decoder, decode
from conntrack.packet.rewrite import deltas, set_tos, translate, translate_error
from conntrack.packet.tcp_options import highest_sack, mss, scale_and_sack
from tests.property.packets import Pair, Recipe, addresses, pairs, recipes, recipes_and_pairs, segments
from tests.unit.packet.build import decoded, wire

#: every field of Packet (a compiled class has no __slots__ to read them from)
OF_IP = ("raw", "pair", "version", "protocol", "network", "length", "tos", "hop_limit", "fragment", "options")
OF_TRANSPORT = ("transport", "payload", "partial", "kind", "seq", "ack", "flags", "window")


def packed(pair: Pair, protocol: int) -> bytes:
    """What Packet.pair must be."""
    family = socket.AF_INET6 if ":" in pair.source else socket.AF_INET
    dport = {1: 0x0800, 58: 0x8000}.get(protocol, pair.dport)
    ports = struct.pack("!HH", pair.sport, dport)
    return socket.inet_pton(family, pair.source) + socket.inet_pton(family, pair.destination) + ports


def run(decoder: Decoder, data: bytes) -> None:
    """Lets a decoder refuse, for a reason of its own, and nothing else."""
    try:
        decoder(data)
    except Malformed as malformed:
        assert 1 <= malformed.reason <= 39


class TestNothingButMalformed:
    @pytest.mark.parametrize(("name", "decoder"), DECODERS, ids=[name for name, _ in DECODERS])
    @given(data=st.binary(max_size=120))
    @example(data=b"")
    @example(data=b"\xff" * 80)
    @example(data=bytes(80))
    def test_from_arbitrary_bytes(self, name: str, decoder: Decoder, data: bytes) -> None:
        run(decoder, data)

    @given(st.data())
    def test_from_damaged_packets(self, data: st.DataObject) -> None:
        recipe, (pair, inner) = data.draw(recipes_and_pairs(2))
        built = bytearray(error_about(recipe, pair, inner) if data.draw(st.booleans()) else recipe.build(pair))
        for _ in range(data.draw(st.integers(0, 4))):
            built[data.draw(st.integers(0, len(built) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, len(built)))
        for raw in (bytes(built), bytes(built[:cut]), mended(bytes(built[:cut]))):
            run(decode, raw)


def mended(raw: bytes) -> bytes:
    """Damaged bytes with an IP length and header checksum that let them through to the readers behind."""
    if len(raw) >= 20 and raw[0] >> 4 == 4 and 20 <= (raw[0] & 15) * 4 <= len(raw):
        head = (raw[0] & 15) * 4
        raw = raw[:2] + struct.pack("!H", len(raw)) + raw[4:10] + b"\0\0" + raw[12:]
        return raw[:10] + struct.pack("!H", 0xFFFF - ones_sum(raw[:head])) + raw[12:]
    if len(raw) >= 40:
        return raw[:4] + struct.pack("!H", len(raw) - 40) + raw[6:]
    return raw


class TestParsing:
    @given(recipes_and_pairs(1))
    def test_the_fields_are_those_it_was_made_of(self, made: tuple[Recipe, list[Pair]]) -> None:
        recipe, [pair] = made
        raw = recipe.build(pair)
        packet = decoded(raw)
        transport = len(wire(recipe.ip(pair)))
        assert packet.pair == packed(pair, recipe.protocol)
        assert (packet.version, packet.protocol, packet.length) == (recipe.version, recipe.protocol, len(raw))
        assert (packet.transport, packet.payload) == (transport, transport + recipe.size)
        assert (packet.fragment, packet.options) == (WHOLE, bool(recipe.extras))
        assert packet.tos == recipe.header.get("tos", recipe.header.get("tc", 0))
        assert packet.hop_limit == recipe.header.get("ttl", recipe.header.get("hlim"))
        for name, value in recipe.fields.items():
            assert getattr(packet, name) == value

    @given(recipes_and_pairs(1), st.binary(min_size=1, max_size=20))
    def test_link_padding_changes_nothing(self, made: tuple[Recipe, list[Pair]], padding: bytes) -> None:
        recipe, [pair] = made
        raw = recipe.build(pair)
        alone, padded = decoded(raw), decoded(raw + padding)
        for name in ("pair", "length", "transport", "payload", "protocol", "flags"):
            assert getattr(padded, name) == getattr(alone, name)

    @given(recipes_and_pairs(1), st.data())
    def test_no_octet_can_be_damaged_unseen(self, made: tuple[Recipe, list[Pair]], data: st.DataObject) -> None:
        recipe, [pair] = made
        raw = recipe.build(pair)
        packet = decoded(raw)
        assume(packet.protocol not in (33, 136))  # covered in part only
        field = packet.transport + 6
        assume(packet.protocol != 17 or raw[field : field + 2] != b"\0\0")
        at = data.draw(st.integers(packet.transport, packet.length - 1))
        damaged = raw[:at] + bytes((raw[at] ^ data.draw(st.integers(1, 255)),)) + raw[at + 1 :]
        assume(packet.protocol != 17 or damaged[field : field + 2] != b"\0\0")
        with pytest.raises(Malformed):
            parse(damaged, Packet())

    @given(segments())
    def test_options_are_those_it_was_made_of(self, made: tuple[Recipe, Pair]) -> None:
        recipe, pair = made
        raw = recipe.build(pair)
        packet = decoded(raw)
        options = dict((IP if recipe.version == 4 else IPv6)(raw)[TCP].options)
        assert mss(packet) == options.get("MSS", 0)
        assert scale_and_sack(packet) == (options.get("WScale", -1), "SAckOK" in options)
        edges = [edge for edge in options.get("SAck", ())[1::2] if 0 < (edge - packet.ack) % 2**32 < 2**31]
        assert highest_sack(packet) == max(edges, key=lambda edge: (edge - packet.ack) % 2**32, default=packet.ack)


class TestTranslation:
    @given(recipes_and_pairs(2), st.sampled_from([b"", b"\x5a\xa5\x5a"]))
    def test_is_what_would_have_been_sent(self, made: tuple[Recipe, list[Pair]], padding: bytes) -> None:
        recipe, (inside, outside) = made
        before, after = recipe.build(inside) + padding, recipe.build(outside) + padding
        packet = decoded(before)
        new = packed(outside, recipe.protocol)
        there = translate(packet, new, *deltas(packet.protocol, packet.pair, new))
        assert there.hex() == after.hex()
        back = decoded(there)
        assert translate(back, packet.pair, *deltas(back.protocol, back.pair, packet.pair)) == before

    @given(recipes_and_pairs(2), st.data())
    def test_of_an_error_is_what_would_have_been_sent(
        self, made: tuple[Recipe, list[Pair]], data: st.DataObject
    ) -> None:
        recipe, (inside, outside) = made
        to_inside, to_outside = data.draw(pairs(recipe.version)), data.draw(pairs(recipe.version))
        assume(recipe.protocol != 132)  # a quoted CRC32c cannot be updated
        quoted = len(wire(recipe.ip(inside))) + data.draw(st.sampled_from([8, 16, 18, 20, 60, 2000]))
        before = error_about(recipe, to_outside, outside, quoted)
        after = error_about(recipe, to_inside, inside, quoted)
        assert translated_error(before, after).hex() == after.hex()
        assert translated_error(after, before).hex() == before.hex()

    @given(recipes_and_pairs(1), st.integers(0, 255))
    def test_of_the_tos_is_what_would_have_been_sent(self, made: tuple[Recipe, list[Pair]], tos: int) -> None:
        recipe, [pair] = made
        name = "tos" if recipe.version == 4 else "tc"
        assume(name in recipe.header)
        before = recipe.build(pair)
        recipe.header[name] = tos
        assert set_tos(before, tos).hex() == recipe.build(pair).hex()

    @given(segments(), st.integers(500, 1500))
    def test_of_the_mss_leaves_a_valid_segment(self, made: tuple[Recipe, Pair], limit: int) -> None:
        recipe, pair = made
        packet = decoded(recipe.build(pair))
        clamped = decoded(clamp_mss(packet, limit))
        assert clamped.pair == packet.pair
        assert mss(clamped) == (min(mss(packet), limit) if packet.flags & 2 else mss(packet))


def error_about(recipe: Recipe, outer: Pair, inner: Pair, quoted: int = 2000) -> bytes:
    """An ICMP error between two hosts, about the packet that the recipe makes for another pair."""
    quote = recipe.build(inner)[:quoted]
    if recipe.version == 4:
        return wire(IP(src=outer.source, dst=outer.destination) / ICMP(type=3, code=1) / quote)
    return wire(IPv6(src=outer.source, dst=outer.destination) / ICMPv6DestUnreach(code=3) / quote)


def translated_error(before: bytes, after: bytes) -> bytes:
    """The error `before`, given the pairs of `after`."""
    packet, inner, outer_wanted, inner_wanted = decoded(before), Packet(), decoded(after), Packet()
    parse_embedded(packet, inner)
    parse_embedded(outer_wanted, inner_wanted)
    return translate_error(packet, inner, outer_wanted.pair, inner_wanted.pair)


class TestChecksums:
    @given(st.binary(max_size=200))
    def test_both_ways_of_summing_agree(self, data: bytes) -> None:
        assert checksum._sum_by_word(data, 0, len(data)) == checksum._sum_by_division(data, 0, len(data))

    @given(st.binary(min_size=1, max_size=40), st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=8))
    def test_adjusting_is_computing_again(self, rest: bytes, old: bytes, new: bytes) -> None:
        rest = b"\x45" + rest  # no header is all zero
        before, after = 0xFFFF - canonical(old + rest), 0xFFFF - canonical(new + rest)
        assert adjust(before, delta(old, new)) == after

    @given(st.integers(0, 0xFFFF), st.lists(st.integers(0, 0xFFFE), max_size=3))
    def test_deltas_may_be_added_before_or_one_by_one(self, value: int, changes: list[int]) -> None:
        one_by_one = value
        for change in changes:
            one_by_one = adjust(one_by_one, change)
        assert adjust(value, sum(changes)) == one_by_one


def canonical(data: bytes) -> int:
    """The ones' complement sum as a sender computes it: 0xFFFF and never 0, for data that is not all zero."""
    return ones_sum(data) or 0xFFFF


@given(st.data())
def test_a_packet_is_read_the_same_whatever_was_read_before(data: st.DataObject) -> None:
    version = data.draw(st.sampled_from([4, 6]))
    raw = data.draw(recipes(version)).build(data.draw(pairs(version)))
    reused, fresh = Packet(), decoded(raw)
    other, [pair] = data.draw(recipes_and_pairs(1))
    for earlier in (other.build(pair), data.draw(st.binary(max_size=60))):
        with contextlib.suppress(Malformed):
            parse(earlier, reused)
    parse(raw, reused)
    for name in (*OF_IP, *OF_TRANSPORT):
        assert getattr(reused, name) == getattr(fresh, name)


@given(addresses(4), addresses(4), st.integers(0, 255), st.binary(max_size=40))
def test_a_protocol_without_a_reader_has_addresses_only(source: str, target: str, protocol: int, body: bytes) -> None:
    assume(protocol not in (1, 6, 17, 33, 132, 136))
    packet = decoded(wire(IP(src=source, dst=target, proto=protocol) / body))
    assert packet.pair == packed(Pair(source, target, 0, 0), 0)
    assert packet.protocol == protocol
