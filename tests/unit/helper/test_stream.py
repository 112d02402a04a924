"""Following messages through a stream, however it is cut."""

from __future__ import annotations

from conntrack.helper.rtsp.transport import RTSP
from conntrack.helper.sip.grammar import SIP
from conntrack.helper.stream import MOST_MESSAGES, Stream

ONE = b"OPTIONS sip:b@h SIP/2.0\r\nCSeq: 1 OPTIONS\r\nContent-Length: 10\r\n\r\n0123456789"


def starts(stream: Stream, payload: bytes) -> list[int]:
    return [message.start for message in stream.messages(payload, False)]


def test_however_two_segments_are_cut_the_third_is_found() -> None:
    for cut in range(len(ONE)):
        stream = Stream(SIP)
        assert starts(stream, ONE[:cut]) == []
        assert starts(stream, ONE[cut:] + ONE) == ([len(ONE) - cut] if cut else [0, len(ONE)])
        assert starts(stream, ONE) == [0]


def test_byte_by_byte() -> None:
    stream = Stream(SIP)
    for byte in ONE:
        assert starts(stream, bytes((byte,))) == []
    assert starts(stream, b"\r\n" + ONE) == [2]


def test_more_messages_than_are_read_at_once_are_a_gap() -> None:
    stream = Stream(SIP)
    assert len(starts(stream, ONE * (MOST_MESSAGES + 1))) == MOST_MESSAGES
    assert not stream.foreign
    assert starts(stream, ONE) == [0]


def test_headers_that_never_end_are_given_up() -> None:
    stream = Stream(SIP)
    for _ in range(100):
        assert starts(stream, b"X: yyyyyyyyyyyy\r\n" * 20) == []
    assert stream.foreign


def test_only_rtsp_has_media_between_messages() -> None:
    assert starts(Stream(SIP), b"$\0\0\1x" + ONE) == []
    rtsp = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    assert starts(Stream(RTSP, True), b"$\0\0\1x" + rtsp) == [5]
    assert starts(Stream(RTSP, True), b"$\0\0") == []
