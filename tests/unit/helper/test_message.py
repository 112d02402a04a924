"""SIP and RTSP messages: where headers stand, what is refused, and where one ends on a stream."""

from __future__ import annotations

import pytest

from conntrack.helper.message import (
    LONGEST_HEAD,
    MOST_HEADERS,
    MOST_OF_A_KIND,
    Message,
    cseq,
    cseq_method,
    read_message,
)
from conntrack.helper.rtsp.transport import RTSP
from conntrack.helper.sip.grammar import SIP
from conntrack.helper.words import Unreadable

INVITE = b"""INVITE sip:bob@198.51.100.7 SIP/2.0
Via: SIP/2.0/UDP 192.168.1.2:5060;branch=z9hG4bK77
v : SIP/2.0/UDP 192.0.2.1
f: <sip:alice@example.org>;tag=1
m: <sip:alice@192.168.1.2>
i: 4711@192.168.1.2
CSeq: 1 INVITE
Subject: a subject
 that goes on
l: 4

v=0
trailing""".replace(b"\n", b"\r\n").replace(b"v=0\r\ntrailing", b"v=0\n")


def sip(data: bytes, stream: bool = False) -> Message:
    message = read_message(SIP, data, 0, len(data), stream)
    assert message is not None
    return message


def with_line(line: bytes, after: bytes = b"CSeq: 1 INVITE\r\n") -> bytes:
    return INVITE.replace(after, after + line)


def test_a_request_with_compact_names() -> None:
    message = sip(INVITE)
    assert (message.method, message.status) == (b"INVITE", 0)
    assert INVITE[message.uri_start : message.uri_end] == b"sip:bob@198.51.100.7"
    assert [INVITE[start:end] for start, end in message.places(b"via")] == [
        b"SIP/2.0/UDP 192.168.1.2:5060;branch=z9hG4bK77",
        b"SIP/2.0/UDP 192.0.2.1",
    ]
    assert message.value(INVITE, b"contact") == b"<sip:alice@192.168.1.2>"
    assert message.value(INVITE, b"call-id") == b"4711@192.168.1.2"
    assert (cseq(INVITE, message), cseq_method(INVITE, message)) == (1, b"INVITE")
    assert INVITE[message.body : message.end] == b"v=0\n"
    assert message.value(INVITE, b"expires") == b""
    assert message.places(b"subject") == []


def test_a_response() -> None:
    data = b"SIP/2.0 200 OK\r\nCSeq: 7 REGISTER\r\n\r\n"
    message = sip(data)
    assert (message.method, message.status, message.body, message.end) == (b"", 200, len(data), len(data))
    assert cseq_method(data, message) == b"REGISTER"


@pytest.mark.parametrize(
    "start",
    [
        b"INVITE  sip:b@h SIP/2.0",
        b"INVITE sip:b@h",
        b"INVITE sip:b@h SIP/3.0",
        b"INVITE sip:b@h SIP/2.0 ",
        b"GET / HTTP/1.1",
        b"INV(ITE sip:b@h SIP/2.0",
        b"X" * 33 + b" sip:b@h SIP/2.0",
        b" sip:b@h SIP/2.0",
        b"SIP/2.0 20 OK",
        b"SIP/2.0 099 No",
        b"SIP/2.0 700 No",
        b"SIP/2.0 200",
        b"INVITE sip:" + b"b" * 5000 + b" SIP/2.0",
        b"",
    ],
)
def test_what_is_no_start_line(start: bytes) -> None:
    with pytest.raises(Unreadable):
        sip(start + b"\r\nVia: SIP/2.0/UDP h\r\n\r\n")


@pytest.mark.parametrize(
    "line",
    [
        b"no colon\r\n",
        b": no name\r\n",
        b"na me: x\r\n",
        b"Call-ID: another\r\n",
        b"i: another\r\n",
        b"Content-Length: 0\r\n",
        b"X-A: b\nContact: <sip:x@y>\r\n",
        b"X-A: b\rContact: <sip:x@y>\r\n",
        b"X-A: \0\r\n",
        b" folded into CSeq\r\n",
        b"X: " + b"x" * 5000 + b"\r\n",
        b"X: y\r\n" * MOST_HEADERS,
        b"Via: SIP/2.0/UDP h\r\n" * MOST_OF_A_KIND,
    ],
)
def test_what_no_header_may_be(line: bytes) -> None:
    with pytest.raises(Unreadable):
        sip(with_line(line))


def test_a_fold_in_front_of_all_headers_is_no_way_to_hide_one() -> None:
    with pytest.raises(Unreadable):
        sip(b"OPTIONS sip:b@h SIP/2.0\r\n Via: SIP/2.0/UDP h\r\n\r\n")


@pytest.mark.parametrize("size", [b"-1", b"65536", b"99999999999999", b"4 4", b"0x4", b""])
def test_a_length_that_is_none(size: bytes) -> None:
    with pytest.raises(Unreadable):
        sip(INVITE.replace(b"l: 4", b"l: " + size))


def test_a_datagram_may_be_longer_than_its_body_and_not_shorter() -> None:
    message = sip(INVITE + b"rubbish")
    assert message.end == len(INVITE)
    with pytest.raises(Unreadable):
        sip(INVITE.replace(b"l: 4", b"l: 5"))


def test_without_a_length_a_datagram_ends_with_itself() -> None:
    data = INVITE.replace(b"l: 4\r\n", b"")
    assert sip(data + b"more").end == len(data) + 4


class TestStream:
    def test_two_messages_in_a_segment(self) -> None:
        data = INVITE + INVITE
        first = sip(data, stream=True)
        second = read_message(SIP, data, first.end, len(data), True)
        assert second is not None
        assert (first.end, second.start, second.end) == (len(INVITE), len(INVITE), len(data))

    def test_a_message_cut_anywhere_is_not_whole(self) -> None:
        for cut in range(len(INVITE)):
            assert read_message(SIP, INVITE, 0, cut, True) is None

    def test_no_length_is_refused(self) -> None:
        with pytest.raises(Unreadable):
            sip(INVITE.replace(b"l: 4\r\n", b""), stream=True)

    def test_headers_without_end_are_given_up(self) -> None:
        assert read_message(SIP, b"X" * (LONGEST_HEAD - 1), 0, LONGEST_HEAD - 1, True) is None
        with pytest.raises(Unreadable):
            read_message(SIP, b"X" * LONGEST_HEAD, 0, LONGEST_HEAD, True)

    def test_rtsp_needs_no_length(self) -> None:
        data = b"SETUP rtsp://h/a RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP;unicast\r\n\r\nPLAY"
        message = read_message(RTSP, data, 0, len(data), True)
        assert message is not None
        assert (message.method, message.end) == (b"SETUP", len(data) - 4)
        assert (cseq(data, message), message.value(data, b"transport")) == (3, b"RTP/AVP;unicast")


@pytest.mark.parametrize("value", [b"INVITE", b"1", b"1 ", b"-1 INVITE", b"1 INV\x7fITE"])
def test_a_cseq_has_a_number_and_a_method(value: bytes) -> None:
    data = INVITE.replace(b"CSeq: 1 INVITE", b"CSeq: " + value)
    message = sip(data)
    with pytest.raises(Unreadable):
        cseq(data, message)
        cseq_method(data, message)
