"""SIP's translation as properties: what the listener reads is a whole message again, and says what it is meant to."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from conntrack.helper.message import read_message
from conntrack.helper.sip.grammar import SIP
from conntrack.helper.sip.helper import SipHelper
from conntrack.helper.sip.media import session_of
from conntrack.packet.header import TCP, UDP
from tests.unit.helper.conversation import INSIDE, Conversation

addresses = st.sampled_from(["192.168.1.2", "198.51.100.99", "10.0.0.1", "phone.example", "203.0.113.5"])
ports = st.integers(0, 65535)
media = st.tuples(
    st.sampled_from(["audio {} RTP/AVP 0", "video {}/2 RTP/SAVP 31", "image {} udptl t38", "message {} TCP/MSRP *"]),
    ports,
    st.none() | addresses,
    st.none() | ports,
)
descriptions = st.tuples(addresses, addresses, st.lists(media, max_size=5))


def written(origin: str, connection: str, lines: list[tuple[str, int, str | None, int | None]]) -> bytes:
    text = f"v=0\r\no=- 1 1 IN IP4 {origin}\r\ns=-\r\nc=IN IP4 {connection}\r\nt=0 0\r\n"
    for form, port, own, rtcp in lines:
        text += f"m={form.format(port)}\r\n"
        text += "" if own is None else f"c=IN IP4 {own}\r\n"
        text += "" if rtcp is None else f"a=rtcp:{rtcp}\r\n"
    return text.encode()


def invite(body: bytes, contact: str) -> bytes:
    return (
        f"INVITE sip:b@198.51.100.7 SIP/2.0\r\nVia: SIP/2.0/UDP {contact}\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
        f"Contact: <sip:a@{contact}>\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


@given(descriptions, addresses, st.sampled_from([UDP, TCP]))
def test_a_translated_message_is_whole_and_of_the_same_shape(
    description: tuple[str, str, list[tuple[str, int, str | None, int | None]]], contact: str, protocol: int
) -> None:
    said = invite(written(*description), contact)
    talk = Conversation(SipHelper(), protocol, (5060, 40000, 5060))
    heard = talk.lan(said)
    message = read_message(SIP, heard, 0, len(heard), True)
    assert message is not None
    assert message.end == len(heard)
    before = read_message(SIP, said, 0, len(said), True)
    assert before is not None
    old, new = session_of(said, before), session_of(heard, message)
    assert (old is None) == (new is None)
    if old is None or new is None:
        return
    assert len(old.media) == len(new.media)
    for left, right in zip(old.media, new.media, strict=True):
        assert (left.port == 0) == (right.port == 0)
    if any(mention.address != INSIDE for mention in talk.mentions):
        raise AssertionError("a mention of somebody else")
    if talk.mentions:
        assert not re.search(rb"c=IN IP4 192\.168\.1\.2", heard)


@given(descriptions)
def test_what_is_not_translated_is_not_touched(
    description: tuple[str, str, list[tuple[str, int, str | None, int | None]]],
) -> None:
    said = invite(written(*description), "192.168.1.2")
    assert Conversation(SipHelper(), UDP, (5060, 5060, 5060), nat=False).lan(said) == said


@given(st.lists(st.integers(1, 400), max_size=12))
def test_however_a_stream_is_cut_no_byte_is_lost_that_is_not_translated(cuts: list[int]) -> None:
    said = invite(written("10.0.0.1", "10.0.0.1", []), "10.0.0.1") * 3
    talk = Conversation(SipHelper(), TCP, (5060, 40000, 5060))
    heard = b""
    at = 0
    for size in cuts:
        heard += talk.lan(said[at : at + size])
        at += size
    assert heard + said[at:] == said
