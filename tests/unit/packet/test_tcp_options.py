"""TCP options: what they say, and that a bad length is found when they are read and not before."""

from collections.abc import Callable

import pytest
from scapy.layers.inet import IP, TCP

from conntrack.packet import reason
from conntrack.packet.errors import Malformed
from conntrack.packet.header import Packet
from conntrack.packet.tcp_options import highest_sack, mss, scale_and_sack
from tests.unit.packet.build import decoded, lan, wire


def syn(*options: tuple[object, object]) -> Packet:
    return decoded(wire(lan() / TCP(flags="S", options=list(options))))


def segment(options: str, ack: int = 1000) -> Packet:
    """A segment with options made by hand, padded with END."""
    data = bytes.fromhex(options)
    data += bytes(-len(data) % 4)
    header = wire(TCP(flags="A", ack=ack, dataofs=5 + len(data) // 4))
    return decoded(wire(IP(src="10.0.0.1", dst="10.0.0.2", proto=6) / (header + data)), verify=False)


def sack(ack: int, *edges: tuple[int, int]) -> Packet:
    blocks = [edge for block in edges for edge in block]
    return decoded(
        wire(lan() / TCP(flags="A", ack=ack, options=[("NOP", None), ("NOP", None), ("SAck", tuple(blocks))]))
    )


def test_a_usual_syn() -> None:
    packet = syn(("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7))
    assert mss(packet) == 1460
    assert scale_and_sack(packet) == (7, True)
    assert highest_sack(packet) == packet.ack


def test_a_syn_without_options() -> None:
    packet = syn()
    assert mss(packet) == 0
    assert scale_and_sack(packet) == (-1, False)


def test_a_scale_of_zero_is_an_offer() -> None:
    assert scale_and_sack(syn(("WScale", 0))) == (0, False)


@pytest.mark.parametrize("scale", [14, 15, 255])
def test_the_largest_scale_is_14(scale: int) -> None:
    assert scale_and_sack(syn(("WScale", scale)))[0] == 14


def test_the_last_of_two_counts() -> None:
    assert mss(syn(("MSS", 1460), ("MSS", 536))) == 536


def test_what_follows_the_end_is_padding() -> None:
    packet = segment("00 02 04 05 b4 03 ff 00")
    assert mss(packet) == 0
    assert scale_and_sack(packet) == (-1, False)


def test_unknown_options_are_passed() -> None:
    assert mss(segment("fd 06 00 00 00 00 02 04 05 b4")) == 1460


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([(2000, 3000)], 3000),
        ([(2000, 3000), (5000, 6000)], 6000),
        ([(5000, 6000), (2000, 3000), (7000, 7001), (10, 20)], 7001),
        ([(100, 200)], 1000),  # a duplicate below the ACK (RFC 2883) acknowledges nothing more
    ],
)
def test_the_highest_edge(edges: list[tuple[int, int]], expected: int) -> None:
    assert highest_sack(sack(1000, *edges)) == expected


def test_edges_are_compared_around_the_wrap() -> None:
    assert highest_sack(sack(0xFFFFFF00, (0xFFFFFF80, 0x10))) == 0x10
    assert highest_sack(sack(0x10, (0xFFFFFF00, 0xFFFFFF80))) == 0x10


def test_a_timestamp_alone_is_not_walked_but_one_with_sack_is() -> None:
    timestamp = [("NOP", None), ("NOP", None), ("Timestamp", (5, 5))]
    alone = decoded(wire(lan() / TCP(flags="A", ack=9, options=timestamp)))
    assert highest_sack(alone) == 9
    both = [*timestamp, ("NOP", None), ("NOP", None), ("SAck", (20, 30))]
    assert highest_sack(decoded(wire(lan() / TCP(flags="A", ack=9, options=both)))) == 30


@pytest.mark.parametrize(
    "options",
    [
        "02 00 05 b4",  # length 0: would walk for ever
        "02 01 05 b4",  # shorter than itself
        "02 05 05 b4",  # past the header
        "01 01 01 02",  # no room for the length
        "fd 29 00 00",  # unknown, past the header
        "02 04 05 b4 03 00 00 00",  # a good one before
    ],
)
def test_a_bad_length_is_found_by_whoever_reads(options: str) -> None:
    packet = segment(options)  # parsing itself does not look
    for read in (mss, scale_and_sack, highest_sack):
        with pytest.raises(Malformed) as caught:
            read(packet)
        assert caught.value.reason == reason.BAD_OPTION


@pytest.mark.parametrize(
    ("read", "options"),
    [
        (mss, "02 03 05 00"),
        (scale_and_sack, "03 04 07 00"),
        (scale_and_sack, "04 03 00 00"),
        (highest_sack, "05 02 00 00"),
        (highest_sack, "05 09 00 00 00 01 00 00 00 00 00 00"),
        (highest_sack, "05 0b 00 00 00 01 00 00 00 02 00 00"),
    ],
)
def test_a_known_option_of_another_size(read: Callable[[Packet], object], options: str) -> None:
    with pytest.raises(Malformed) as caught:
        read(segment(options))
    assert caught.value.reason == reason.BAD_OPTION
