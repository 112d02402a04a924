"""A session description (RFC 8866), as far as addresses and ports go.

Lives here: o=, c=, m= and a=rtcp (RFC 3605), and where they stand. May not live here: which of them may be opened
(media.py). Lines end with CRLF or LF, as §5 asks readers to accept.
"""

from __future__ import annotations

from typing import Final

from conntrack.helper.words import Unreadable, address, port

LONGEST_LINE: Final = 1024
MOST_LINES: Final = 512
MOST_MEDIA: Final = 16


class Place:
    """An address as it stands from `start` to `end`; b"" where a name stands, or one with a TTL (multicast)."""

    __slots__ = ("address", "end", "start")

    def __init__(self, address: bytes, start: int, end: int) -> None:
        self.address = address
        self.start = start
        self.end = end


class Media:
    """One m= line and what belongs to it. port 0: refused or not in use.

    rtp: media of RTP, which has RTCP beside it; datagrams: over UDP at all; ports: how many pairs it names ("/2");
    rtcp: port of an a=rtcp line, 0 if there is none, and its address if that has one.
    """

    __slots__ = (
        "connection",
        "datagrams",
        "port",
        "port_end",
        "port_start",
        "ports",
        "rtcp",
        "rtcp_address",
        "rtcp_end",
        "rtcp_start",
        "rtp",
    )

    def __init__(self, number: int, start: int, end: int) -> None:
        self.port = number
        self.port_start = start
        self.port_end = end
        self.ports = 1
        self.rtp = False
        self.datagrams = False
        self.connection: Place | None = None
        self.rtcp = 0
        self.rtcp_start = 0
        self.rtcp_end = 0
        self.rtcp_address: Place | None = None


class Session:
    """A whole description: who made it (o=), the address for all media (c= before the first m=), the media."""

    __slots__ = ("connection", "media", "origin")

    def __init__(self) -> None:
        self.origin: Place | None = None
        self.connection: Place | None = None
        self.media: list[Media] = []


def read_session(data: bytes, start: int, end: int) -> Session:
    """Reads the description that stands from start to end. Raises Unreadable."""
    session = Session()
    at = start
    lines = 0
    begun = False
    while at < end:
        stop = data.find(b"\n", at, end)
        after = stop + 1
        if stop < 0:
            stop = after = end
        if stop > at and data[stop - 1] == 0x0D:
            stop -= 1
        lines += 1
        if lines > MOST_LINES or stop - at > LONGEST_LINE:
            raise Unreadable("a description too long")
        if stop > at:
            _line(data, at, stop, session, not begun)
            begun = True
        at = after
    if not begun:
        raise Unreadable("an empty description")
    return session


def _line(data: bytes, at: int, end: int, session: Session, first: bool) -> None:
    """One `x=value`."""
    if end - at < 2 or data[at + 1] != 0x3D:
        raise Unreadable("not a line of a description")
    kind = data[at]
    if first != (kind == 0x76):
        raise Unreadable("a description begins with v=, once")
    if kind == 0x6F:  # o
        if session.origin is not None:
            raise Unreadable("two origins")
        words = _words(data, at + 2, end)
        if len(words) != 6:
            raise Unreadable("an origin has six words")
        session.origin = _place(data, words, 3)
    elif kind == 0x63:  # c
        _connection(data, at + 2, end, session)
    elif kind == 0x6D:  # m
        _media(data, at + 2, end, session)
    elif kind == 0x61 and data.startswith(b"rtcp:", at + 2, end) and session.media:  # a
        _rtcp(data, at + 7, end, session.media[-1])


def _connection(data: bytes, at: int, end: int, session: Session) -> None:
    words = _words(data, at, end)
    if len(words) != 3:
        raise Unreadable("a connection has three words")
    place = _place(data, words, 0)
    if session.media:
        if session.media[-1].connection is not None:
            raise Unreadable("media with two connections")
        session.media[-1].connection = place
    else:
        if session.connection is not None:
            raise Unreadable("two connections")
        session.connection = place


def _media(data: bytes, at: int, end: int, session: Session) -> None:
    """`audio 49170/2 RTP/AVP 0 8`."""
    words = _words(data, at, end)
    if len(words) < 4 or len(session.media) >= MOST_MEDIA:
        raise Unreadable("media without a format, or too many")
    start, stop = words[1]
    slash = data.find(b"/", start, stop)
    media = Media(port(data, start, slash if slash >= 0 else stop), start, slash if slash >= 0 else stop)
    if slash >= 0:
        media.ports = port(data, slash + 1, stop)
    protocol = data[words[2][0] : words[2][1]].upper().split(b"/")
    media.rtp = b"RTP" in protocol or any(word in (b"AVP", b"AVPF", b"SAVP", b"SAVPF") for word in protocol)
    media.datagrams = protocol[0] in (b"RTP", b"UDP", b"UDPTL")
    session.media.append(media)


def _rtcp(data: bytes, at: int, end: int, media: Media) -> None:
    """`53020` or `53020 IN IP4 126.16.64.4`."""
    words = _words(data, at, end)
    if len(words) not in (1, 4) or media.rtcp != 0:
        raise Unreadable("not an RTCP port")
    media.rtcp_start, media.rtcp_end = words[0]
    media.rtcp = port(data, media.rtcp_start, media.rtcp_end)
    if len(words) == 4:
        media.rtcp_address = _place(data, words, 1)


def _place(data: bytes, words: list[tuple[int, int]], first: int) -> Place:
    """`IN IP4 192.0.2.1` from the word `first` on."""
    start, end = words[first + 2]
    if data[words[first][0] : words[first][1]] != b"IN":
        raise Unreadable("another network than IN")
    family = data[words[first + 1][0] : words[first + 1][1]]
    if family not in (b"IP4", b"IP6"):
        raise Unreadable("neither IP4 nor IP6")
    packed = address(data[start:end])
    if packed and len(packed) != (4 if family == b"IP4" else 16):
        raise Unreadable("an address of the other family")
    return Place(packed, start, end)


def _words(data: bytes, at: int, end: int) -> list[tuple[int, int]]:
    """Words parted by single blanks; no empty ones. Raises Unreadable."""
    found: list[tuple[int, int]] = []
    while True:
        stop = data.find(b" ", at, end)
        if stop < 0:
            stop = end
        if stop == at:
            if stop == end and found:
                return found  # a blank at the end, as some phones write
            raise Unreadable("an empty word")
        found.append((at, stop))
        if stop == end:
            return found
        at = stop + 1
