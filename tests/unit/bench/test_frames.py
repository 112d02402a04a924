"""The benchmark's own packets, read back by the decoder that it measures: neither knows the other."""

from __future__ import annotations

import pytest

from conntrack.packet.header import Packet
from conntrack.packet.parse import parse
from tests.bench import crowd, establish, frames
from tests.bench.frames import Ends

ENDS = Ends(bytes((10, 64, 0, 1)), 20000, bytes((203, 0, 113, 1)), 443)


def read(raw: bytes) -> Packet:
    """Checksums are judged: a wrong one raises."""
    packet = Packet()
    parse(raw, packet, True)
    return packet


def test_a_tcp_segment_has_its_ports_numbers_and_checksum() -> None:
    packet = read(frames.tcp(ENDS, frames.ACK | frames.PSH, 7, 9, bytes(24)))
    assert packet.pair == ENDS.source + ENDS.destination + b"\x4e\x20\x01\xbb"
    assert (packet.protocol, packet.flags, packet.seq, packet.ack) == (frames.TCP, 0x18, 7, 9)
    assert packet.length - packet.payload == 24


def test_a_datagram_of_odd_length_has_the_right_checksum() -> None:
    packet = read(frames.udp(ENDS, b"odd"))
    assert packet.protocol == frames.UDP
    assert packet.length - packet.payload == 3


def test_the_reply_goes_back_where_it_came_from() -> None:
    assert ENDS.reply() == Ends(ENDS.destination, 443, ENDS.source, 20000)
    assert ENDS.reply().reply() == ENDS


def test_a_frame_says_who_speaks_with_whom() -> None:
    frame = frames.ethernet(bytes(6), bytes(6), frames.udp(ENDS, b"?"))
    assert frames.is_ipv4(frame, frames.UDP)
    assert not frames.is_ipv4(frame, frames.TCP)
    assert not frames.is_ipv4(frame[:20], frames.UDP)
    assert frames.ends_of(frame) == ENDS


@pytest.mark.parametrize("load", [establish.tcp_load, establish.udp_load])
def test_the_flood_is_of_64_byte_packets(load: object) -> None:
    assert callable(load)
    for frame in load(establish.clients(3)):
        assert len(frame) - frames.ETHERNET == 64
        assert read(frame[frames.ETHERNET :]).length == 64


def test_a_million_connections_are_a_million_socket_pairs() -> None:
    numbers = range(0, 1_000_000, 7)
    assert len({crowd.ends(number) for number in numbers}) == len(numbers)
    towards = {(pair.destination, pair.source_port) for pair in map(crowd.ends, range(100_000))}
    assert len(towards) == 100_000, "two connections towards one server share a port, so one would lose it"
