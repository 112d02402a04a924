"""What VPP (nat44-ed) tests of itself with fragments, protocols without ports and the edges of ranges, written anew.

Fragments are put together by the kernel before the engine sees them; here by packet/reassembly.py, whose rules are the
kernel's (tests/netns/test_fragments.py has the real ones).
"""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.packet import Packet, Raw

from conntrack.packet.reassembly import Reassembly
from tests.golden.notation import describe
from tests.host import Host
from tests.unit.conformance.office import FULL_CONE, MAPPING, office, outside, port

DATA = bytes(range(256)) * 12


def in_pieces(sent: Packet, order: str) -> list[bytes]:
    """A packet in fragments of at most 400 bytes, in the order that they arrive in."""
    pieces = [bytes(piece) for piece in fragment(IP(bytes(sent)), fragsize=400)]
    assert len(pieces) > 3
    if order == "reversed":
        pieces.reverse()
    elif order == "shuffled":
        random.Random(7).shuffle(pieces)
    return pieces


def crossing(host: Host, zone: str, pieces: list[bytes]) -> tuple[str, IP]:
    """The zone that a datagram in pieces leaves by, and as what; only the last piece brings it there."""
    store = Reassembly()
    *waiting, whole = [store.take(piece, host.now) for piece in pieces]
    assert not any(waiting)
    assert whole is not None
    fate, left = host.cross(zone, whole)
    assert "BAD CHECKSUM" not in describe(left)
    return fate, IP(left)


ORDERS = pytest.mark.parametrize("order", ["in order", "reversed", "shuffled"])


@ORDERS
@pytest.mark.parametrize("transport", [TCP(sport=5000, dport=20, flags="A"), UDP(sport=5000, dport=20), ICMP(id=5000)])
def test_fragments_in_and_out_of_order_out_and_back(transport: Packet, order: str) -> None:
    host = office()
    fate, left = crossing(host, "lan", in_pieces(inside(transport), order))
    assert (fate, left.src, left.dst) == ("wan", "203.0.113.1", "198.51.100.9")
    assert bytes(left)[-len(DATA) :] == DATA
    back = IP(src="198.51.100.9", dst="203.0.113.1", id=9) / turned(left.payload) / Raw(DATA)
    fate, left = crossing(host, "wan", in_pieces(back, order))
    assert (fate, left.src, left.dst) == ("lan", "198.51.100.9", "192.168.10.5")
    assert bytes(left)[-len(DATA) :] == DATA


def inside(transport: Packet) -> Packet:
    return IP(src="192.168.10.5", dst="198.51.100.9", id=7) / transport / Raw(DATA)


def turned(layer: Packet) -> Packet:
    """The transport of an answer."""
    if isinstance(layer, ICMP):
        return ICMP(type="echo-reply", id=layer.id)
    if isinstance(layer, TCP):
        return TCP(sport=layer.dport, dport=layer.sport, flags="A", ack=len(DATA))
    return UDP(sport=layer.dport, dport=layer.sport)


@ORDERS
def test_fragments_that_need_no_translation_stay_as_they_are(order: str) -> None:
    host = office()
    sent = IP(src="192.168.10.5", dst="198.51.100.129", id=7) / UDP(sport=5000, dport=20) / Raw(DATA)
    fate, left = crossing(host, "lan", in_pieces(sent, order))
    assert fate == "wan"
    assert bytes(left) == bytes(IP(bytes(sent)))


@ORDERS
def test_fragments_through_hairpin(order: str) -> None:
    host = office()
    sent = IP(src="192.168.10.5", dst="203.0.113.5", id=7) / UDP(sport=5000, dport=20) / Raw(DATA)
    fate, left = crossing(host, "lan", in_pieces(sent, order))
    assert (fate, left.src, left.dst) == ("lan", "203.0.113.5", "192.168.10.25")
    assert bytes(left)[-len(DATA) :] == DATA


def test_a_piece_alone_is_never_translated() -> None:
    """Should one get past the kernel, it is dropped: whose it is cannot be told."""
    host = office()
    first, *others = in_pieces(inside(UDP(sport=5000, dport=20)), "in order")
    assert host.cross("lan", first) == ("drop fragment", b"")
    assert host.cross("lan", others[0]) == ("drop fragment", b"")
    assert len(host.engine.table) == 0


def test_a_protocol_without_ports_is_translated_by_its_address() -> None:
    host = office()
    assert host.arrive("lan", "protocol-47 192.168.10.5 > 198.51.100.9") == "wan protocol-47 203.0.113.1 > 198.51.100.9"
    assert host.arrive("wan", "protocol-47 198.51.100.9 > 203.0.113.1") == "lan protocol-47 198.51.100.9 > 192.168.10.5"
    assert host.arrive("lan", "protocol-47 192.168.10.6 > 198.51.100.9") == "drop nat-clash"
    assert host.arrive("lan", "protocol-47 192.168.10.6 > 198.51.100.8").startswith("wan protocol-47 203.0.113.1 ")


def test_a_protocol_without_ports_through_hairpin() -> None:
    host = office()
    came = host.arrive("lan", "protocol-50 192.168.10.5 > 203.0.113.5")
    assert came == "lan protocol-50 203.0.113.5 > 192.168.10.25"
    assert host.arrive("lan", "protocol-50 192.168.10.25 > 203.0.113.5") == "lan protocol-50 203.0.113.5 > 192.168.10.5"


@pytest.mark.parametrize(("low", "high"), [(1024, 1026), (65533, 65535), (60000, 60000)])
def test_the_first_and_the_last_port_of_a_range_are_used(low: int, high: int) -> None:
    host = office(f", ports: {low}-{high}")
    ends = [port(host.arrive("lan", f"udp 192.168.10.5:{5000 + n} > 198.51.100.9:53")) for n in range(high - low + 1)]
    assert sorted(ends) == list(range(low, high + 1))
    assert host.arrive("lan", "udp 192.168.10.5:4999 > 198.51.100.9:53") == "reject prohibited"


@pytest.mark.parametrize("source", [1, 511, 512, 1023, 1024, 65535])
def test_ports_at_the_edges_of_their_class_are_kept_where_they_are_free_and_stay_in_it(source: int) -> None:
    host = office()
    first, second = (port(host.arrive("lan", f"udp 192.168.10.{last}:{source} > 198.51.100.9:53")) for last in (5, 6))
    assert first == source
    assert second != source
    low, high = (1, 511) if source < 512 else (600, 1023) if source < 1024 else (1024, 65535)
    assert low <= second <= high


@pytest.mark.parametrize("more", ["", MAPPING, FULL_CONE])
def test_two_sessions_of_one_socket_see_one_outside_address(more: str) -> None:
    host = office(more)
    ends = [outside(host.arrive("lan", f"udp 192.168.10.5:5000 > 198.51.100.{peer}:53")) for peer in (7, 8, 9)]
    assert all(one == other for one, other in pairwise(ends))
