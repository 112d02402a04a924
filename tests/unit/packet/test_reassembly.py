"""Putting datagrams together as the kernel does: the pieces of tests/netns/test_fragments.py, and the limits."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, fragment6
from scapy.packet import Raw

from conntrack.packet import reason
from conntrack.packet.errors import Malformed
from conntrack.packet.reassembly import PATIENCE4, PATIENCE6, Reassembly
from tests.fragments import OVERLAPPING, SIZE, WHOLE, Pieces, cut, piece
from tests.unit.packet.build import decoded

ENDS = {"ipv4": ("10.0.0.1", "10.0.0.2"), "ipv6": ("fd00::1", "fd00::2")}
VERSIONS = pytest.mark.parametrize("ends", ENDS.values(), ids=ENDS)
PAYLOAD = bytes(number * 7 & 0xFF for number in range(SIZE))


def packets(ends: tuple[str, str], pieces: Pieces, identity: int = 1) -> list[bytes]:
    return cut(*ends, 5000, 9000, PAYLOAD, pieces, identity)


def taken(store: Reassembly, raws: list[bytes], now: float = 0.0) -> list[bytes | None]:
    """What comes of each; b"" for one that is refused."""
    out: list[bytes | None] = []
    for raw in raws:
        try:
            out.append(store.take(raw, now))
        except Malformed as malformed:
            assert malformed.reason == reason.FRAGMENT
            out.append(b"")
    return out


def fragment_of(ends: tuple[str, str], data: bytes, at: int, more: bool, identity: int = 1) -> bytes:
    return bytes(piece(*ends, data, at, more, identity))


@VERSIONS
@pytest.mark.parametrize("pieces", WHOLE.values(), ids=WHOLE)
def test_what_is_whole_comes_out_with_its_last_piece(ends: tuple[str, str], pieces: Pieces) -> None:
    store = Reassembly()
    *waiting, whole = taken(store, packets(ends, pieces))
    assert waiting == [None] * (len(pieces) - 1)
    assert whole is not None
    read = decoded(whole)  # its checksums are judged
    assert whole[read.payload :] == PAYLOAD
    assert (len(store), store.octets, store.incomplete()) == (0, 0, 0)


@VERSIONS
@pytest.mark.parametrize("pieces", OVERLAPPING.values(), ids=OVERLAPPING)
def test_what_overlaps_never_does(ends: tuple[str, str], pieces: Pieces) -> None:
    store = Reassembly()
    out = taken(store, packets(ends, pieces))
    assert out.count(b"") == 1
    assert not any(out)
    assert store.incomplete() >= 1


@VERSIONS
def test_two_ends_contradict_each_other(ends: tuple[str, str]) -> None:
    store = Reassembly()
    out = taken(store, [fragment_of(ends, bytes(8), 24, False), fragment_of(ends, bytes(8), 32, False)])
    assert out == [None, b""]
    out = taken(store, [fragment_of(ends, bytes(8), 24, False), fragment_of(ends, bytes(16), 24, True)])
    assert out == [None, b""]
    out = taken(store, [fragment_of(ends, bytes(8), 24, True), fragment_of(ends, bytes(8), 16, False)])
    assert out == [None, b""]


def test_the_whole_packet_is_what_had_been_sent() -> None:
    sent = bytes(IP(src="10.0.0.1", dst="10.0.0.2", id=77, ttl=9, tos=4) / UDP(sport=1, dport=2) / Raw(PAYLOAD))
    raws = [bytes(one) for one in fragment(IP(sent), fragsize=600)]
    assert taken(Reassembly(), raws)[-1] == sent


def test_ipv6_with_headers_before_and_behind_the_fragment_header() -> None:
    head = IPv6(src="fd00::1", dst="fd00::2") / IPv6ExtHdrDestOpt()
    whole = head / IPv6ExtHdrFragment(id=9) / IPv6ExtHdrDestOpt() / UDP(sport=1, dport=2) / Raw(PAYLOAD)
    raws = [bytes(one) for one in fragment6(whole, 800)]
    assert len(raws) > 3
    out = taken(Reassembly(), list(reversed(raws)))[-1]
    assert out == bytes(head / IPv6ExtHdrDestOpt() / UDP(sport=1, dport=2) / Raw(PAYLOAD))


@VERSIONS
def test_what_is_no_piece_comes_back_itself(ends: tuple[str, str]) -> None:
    raw = bytes((IPv6 if ":" in ends[0] else IP)(src=ends[0], dst=ends[1]) / UDP() / b"x")
    assert Reassembly().take(raw, 0.0) is raw
    atomic = fragment_of(ENDS["ipv6"], bytes(8), 0, False)
    assert Reassembly().take(atomic, 0.0) is atomic


@VERSIONS
def test_pieces_of_other_datagrams_do_not_mix(ends: tuple[str, str]) -> None:
    store = Reassembly()
    pieces = WHOLE["in order"]
    mixed = [raw for pair in zip(packets(ends, pieces, 1), packets(ends[::-1], pieces, 1),
                                 packets(ends, pieces, 2), strict=True) for raw in pair]  # fmt: skip
    out = taken(store, mixed)
    assert out[:6] == [None] * 6
    assert all(out[6:])


@pytest.mark.parametrize(("ends", "patience"), [(ENDS["ipv4"], PATIENCE4), (ENDS["ipv6"], PATIENCE6)])
def test_a_datagram_has_only_so_much_time(ends: tuple[str, str], patience: float) -> None:
    store = Reassembly()
    first, *rest = packets(ends, WHOLE["in order"])
    assert store.take(first, 5.0) is None
    assert taken(store, rest, 5.0 + patience) == [None, None]
    assert store.incomplete() == 2  # the one that was given up, and what came of it later
    assert store.take(packets(ends[::-1], WHOLE["in order"])[0], 1000.0) is None
    assert len(store) == 1


def test_the_oldest_gives_way_when_there_are_too_many_or_too_much_of_them() -> None:
    store = Reassembly(datagrams=3)
    for identity in range(1, 6):
        assert store.take(fragment_of(ENDS["ipv4"], bytes(8), 0, True, identity), 0.0) is None
    assert (len(store), store.lost) == (3, 2)
    assert store.take(fragment_of(ENDS["ipv4"], bytes(8), 8, False, 5), 0.0) is not None
    assert store.take(fragment_of(ENDS["ipv4"], bytes(8), 8, False, 1), 0.0) is None
    store = Reassembly(octets=3000)
    for at in range(0, 800, 8):
        store.take(fragment_of(ENDS["ipv4"], bytes(8), at, True), 0.0)
        assert store.octets <= 3000
    assert store.lost > 0


def test_ipv4_pieces_are_cut_to_eight_bytes_as_linux_does_and_ipv6_ones_refused() -> None:
    store = Reassembly()
    data = bytes(range(16))
    out = taken(store, [fragment_of(ENDS["ipv4"], data[:13], 0, True), fragment_of(ENDS["ipv4"], data[8:], 8, False)])
    assert out[0] is None
    assert out[1] is not None
    assert out[1][20:] == data
    assert taken(store, [fragment_of(ENDS["ipv6"], data[:13], 0, True)]) == [b""]


@VERSIONS
def test_nothing_is_longer_than_a_packet_can_be(ends: tuple[str, str]) -> None:
    """The ping of death: its last piece ends past what a length field can say."""
    store = Reassembly()
    assert taken(store, [fragment_of(ends, bytes(400), 65528, False)]) == [b""]
    assert taken(store, [fragment_of(ends, b"", 8, True)]) == [b""]
    assert len(store) == 0


def test_options_of_the_first_piece_count_for_the_length() -> None:
    store = Reassembly()
    size = 65535 - 20
    long = IP(src="10.0.0.1", dst="10.0.0.2", proto=17, id=1, flags="MF", options=b"\1" * 40)
    assert store.take(bytes(long / Raw(bytes(32000))), 0.0) is None
    assert store.take(fragment_of(ENDS["ipv4"], bytes(32000), 32000, True), 0.0) is None
    with pytest.raises(Malformed):
        store.take(fragment_of(ENDS["ipv4"], bytes(size - 64000), 64000, False), 0.0)


@pytest.mark.parametrize("raw", [b"", b"\x45", b"\x60" * 39, b"\x50" * 60, b"\x60" + bytes(3) + b"\0\x04" + bytes(40)])
def test_what_cannot_be_read_is_malformed(raw: bytes) -> None:
    raw = raw[:6] + b"\x2c" + raw[7:] if len(raw) > 40 else raw
    with pytest.raises(Malformed):
        Reassembly().take(raw, 0.0)
