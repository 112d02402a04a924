"""SCTP chunks: which bytes are chunks, and which chunks may stand together (RFC 9260 §3, §6.10)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntrack.packet import reason, sctp
from conntrack.packet.errors import Malformed
from conntrack.packet.header import Packet
from conntrack.packet.parse import parse
from tests import segments

LAN, WAN = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
INIT_BODY = (0xDEADBEEF).to_bytes(4, "big") + bytes(12)


def parsed(chunks: bytes, tag: int = 77) -> Packet:
    packet = Packet()
    parse(segments.ip(LAN, WAN, 132, segments.sctp((1, 2), tag, chunks)), packet, verify=False)
    return packet


def chunk(name: str, body: bytes = b"", flags: int = 0) -> bytes:
    return segments.chunk(segments.CHUNKS[name], flags, body)


def walk(packet: Packet) -> list[int]:
    kinds = []
    at = packet.payload
    while at >= 0:
        kinds.append(packet.raw[at])
        at = sctp.following(packet, at)
    return kinds


def test_a_bundle() -> None:
    packet = parsed(chunk("cookie-ack") + chunk("sack", bytes(12)) + chunk("data", b"odd"))
    assert sctp.check_chunks(packet) == 1 << sctp.COOKIE_ACK | 1 << sctp.SACK | 1 << sctp.DATA
    assert walk(packet) == [sctp.COOKIE_ACK, sctp.SACK, sctp.DATA]


def test_the_tags() -> None:
    packet = parsed(chunk("init", INIT_BODY), tag=0x01020304)
    assert sctp.verification_tag(packet) == 0x01020304
    assert sctp.initiate_tag(packet, packet.payload) == 0xDEADBEEF


@pytest.mark.parametrize(("flags", "reflects"), [(0, False), (1, True), (0xFE, False), (0xFF, True)])
def test_the_t_bit(flags: int, reflects: bool) -> None:
    packet = parsed(chunk("abort", flags=flags))
    assert sctp.reflects(packet, packet.payload) == reflects


def test_unknown_types_are_walked_and_not_told_apart() -> None:
    packet = parsed(segments.chunk(0xC0) + segments.chunk(15) + segments.chunk(16))
    assert sctp.check_chunks(packet) == 1 << 15
    assert walk(packet) == [0xC0, 15, 16]


@pytest.mark.parametrize("padding", [b"", b"\0", b"\0\0\0"])
def test_padding_at_the_end_may_be_there_or_not(padding: bytes) -> None:
    packet = parsed(b"\0\0\0\x05x" + padding)
    assert sctp.check_chunks(packet) == 1 << sctp.DATA
    assert walk(packet) == [sctp.DATA]


@pytest.mark.parametrize(
    "chunks",
    [
        b"",
        b"\0\0\0",
        b"\0\0\0\0",  # of no length at all
        b"\0\0\0\x03",  # shorter than its own header
        b"\0\0\0\x09data",  # longer than the packet
        chunk("data") + b"\0\0\xff\xff",
        chunk("init", INIT_BODY[:-1]),
        chunk("init-ack"),
        chunk("init", INIT_BODY) + chunk("data"),
        chunk("data") + chunk("init", INIT_BODY),
        chunk("init-ack", INIT_BODY) + chunk("cookie-echo"),
        chunk("shutdown-complete") + chunk("data"),
        chunk("sack") + chunk("shutdown-complete"),
        chunk("data") + chunk("cookie-echo"),
        chunk("data") + chunk("cookie-ack"),
        chunk("cookie-ack") + chunk("cookie-ack"),
    ],
)
def test_what_is_refused(chunks: bytes) -> None:
    with pytest.raises(Malformed) as malformed:
        sctp.check_chunks(parsed(chunks))
    assert malformed.value.reason == reason.BAD_CHUNK


@given(st.binary(max_size=64))
def test_any_bytes_are_refused_or_walked_to_their_end(chunks: bytes) -> None:
    packet = parsed(chunks)
    try:
        types = sctp.check_chunks(packet)
    except Malformed as malformed:
        assert malformed.reason == reason.BAD_CHUNK
        return
    assert {1 << kind for kind in walk(packet) if kind < 16} == {1 << bit for bit in range(16) if types >> bit & 1}
