"""From frames to IP packets, for every link type that `replay` knows."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Ether
from scapy.layers.ppp import PPP, PPPoE

from conntrack.cli.capture import Frame
from conntrack.cli.capture import link as links
from conntrack.cli.capture.link import NotIp, is_whole, packet

FOUR = IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=1, dport=2) / b"data"
SIX = IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=1, dport=2) / b"data"
ETHER = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")


def frame(link: int, data: bytes, length: int | None = None) -> Frame:
    return Frame(1, 0.0, link, data, len(data) if length is None else length)


@pytest.mark.parametrize("inner", [FOUR, SIX])
@pytest.mark.parametrize(
    ("link", "head"),
    [
        (links.ETHERNET, lambda inner: ETHER / inner),
        (links.ETHERNET, lambda inner: ETHER / Dot1Q(vlan=5) / inner),
        (links.ETHERNET, lambda inner: ETHER / Dot1AD(vlan=7) / Dot1Q(vlan=5) / inner),
        (links.ETHERNET, lambda inner: ETHER / PPPoE(sessionid=1) / PPP() / inner),
        (links.RAW, lambda inner: inner),
        (12, lambda inner: inner),
        (links.SLL, lambda inner: CookedLinux() / inner),
        (links.SLL2, lambda inner: CookedLinuxV2() / inner),
        (links.NULL, lambda inner: struct.pack("<I", 2) + bytes(inner)),
        (links.LOOP, lambda inner: struct.pack(">I", 2) + bytes(inner)),
    ],
)
def test_the_ip_packet_is_found(link: int, head: object, inner: object) -> None:
    data = bytes(head(inner))  # type: ignore[operator]
    assert packet(frame(link, data)) == bytes(inner)  # type: ignore[call-overload]


def test_padding_is_no_part_of_the_packet() -> None:
    short = IP() / UDP()
    padded = bytes(ETHER / short).ljust(60, b"\0")
    assert packet(frame(links.ETHERNET, padded)) == bytes(short)
    assert packet(frame(links.ETHERNET, bytes(ETHER / SIX) + b"\0\0\0")) == bytes(SIX)


def test_what_the_capture_cut_off_is_filled_up() -> None:
    whole = bytes(ETHER / IP() / UDP() / (b"x" * 100))
    cut = frame(links.ETHERNET, whole[:60], len(whole))
    assert not is_whole(cut)
    assert packet(cut) == whole[14:60] + bytes(len(whole) - 60)
    assert is_whole(frame(links.ETHERNET, whole))


def test_a_length_field_that_is_too_short_is_left_to_the_decoder() -> None:
    raw = bytearray(bytes(FOUR))
    raw[2:4] = b"\0\x05"
    assert packet(frame(links.RAW, bytes(raw))) == bytes(raw)


@pytest.mark.parametrize(
    ("link", "data"),
    [
        (links.ETHERNET, bytes(ETHER / ARP())),
        (links.ETHERNET, b""),
        (links.ETHERNET, bytes(ETHER) + b"\x45"),
        (links.ETHERNET, bytes(12) + b"\x81\0\0\x01" * 6 + bytes(40)),  # tags without end
        (links.RAW, b"\x75" + bytes(40)),
        (links.RAW, b"\x45"),
        (links.SLL, bytes(50)),
        (147, bytes(60)),
    ],
)
def test_what_holds_no_ip_packet(link: int, data: bytes) -> None:
    with pytest.raises(NotIp):
        packet(frame(link, data))


def test_a_claimed_length_cannot_make_a_packet_of_gigabytes() -> None:
    assert len(packet(frame(links.RAW, bytes(FOUR), 0xFFFFFFFF))) == len(bytes(FOUR))
    raw = bytearray(bytes(SIX))
    raw[4:6] = b"\xff\xff"
    assert len(packet(frame(links.RAW, bytes(raw), 0xFFFFFFFF))) <= 65575


@given(st.sampled_from(sorted(links.KNOWN)), st.binary(max_size=120), st.integers(0, 0xFFFFFFFF))
def test_nothing_else_ever_comes_out(link: int, data: bytes, length: int) -> None:
    try:
        raw = packet(frame(link, data, length))
    except NotIp:
        return
    assert raw[0] >> 4 in (4, 6)
    assert len(raw) >= 20
