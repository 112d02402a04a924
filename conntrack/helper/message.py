"""One message of SIP (RFC 3261 §7) or RTSP (RFC 2326 §4): its start line, the headers that are read, its body.

Lives here: where they stand, and limits. May not live here: which headers a protocol has (its Grammar does), what
stands in them. A folded header that we would have to read makes a message unreadable, and so does a bare line feed:
two readers that disagree about where a header ends are how things are smuggled.
"""

from __future__ import annotations

from typing import Final

from conntrack.helper.words import Unreadable, number, trim

#: limits: bytes of start line and headers together, of one line, of a body, and how many headers
LONGEST_HEAD: Final = 16384
LONGEST_LINE: Final = 4096
LONGEST_BODY: Final = 65535
MOST_HEADERS: Final = 128
#: of one kind: a proxy on the way adds a Via, an address of record has several Contacts
MOST_OF_A_KIND: Final = 32

_TOKEN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")


class Grammar:
    """What tells one such protocol from another.

    version: as it stands in a start line; read: the headers to read, by every name in lower case that they may have;
    single: those of which there may be one at most; sized: on a stream, every message names the length of its body.
    """

    def __init__(self, version: bytes, read: dict[bytes, bytes], single: frozenset[bytes], sized: bool) -> None:
        self.version = version
        self.read = read
        self.single = single
        self.sized = sized


class Message:
    """A message from `start` to `end` of the bytes; its body begins at `body`.

    method: of a request, b"" for a response; status: of a response, 0 for a request; uri: where a request's URI
    stands; headers: name in lower case → where its values stand, in order.
    """

    __slots__ = ("body", "end", "headers", "method", "start", "status", "uri_end", "uri_start")

    def __init__(self, start: int, body: int) -> None:
        self.start = start
        self.body = body
        self.end = body
        self.method: bytes = b""
        self.status = 0
        self.uri_start = 0
        self.uri_end = 0
        self.headers: dict[bytes, list[tuple[int, int]]] = {}

    def places(self, name: bytes) -> list[tuple[int, int]]:
        """Where the values of a header stand."""
        return self.headers.get(name, [])

    def value(self, data: bytes, name: bytes) -> bytes:
        """The value of a single header, b"" if it is not there."""
        places = self.headers.get(name)
        if not places:
            return b""
        start, end = places[0]
        return data[start:end]


def read_message(grammar: Grammar, data: bytes, start: int, stop: int, stream: bool) -> Message | None:
    """The message that begins at `start`; None if it is not whole before `stop`. Raises Unreadable.

    stream: over TCP, where Content-Length says where the next one begins (RFC 3261 §18.3); in a datagram it may be
    missing, or be less than what came.
    """
    message = read_head(grammar, data, start, stop, stream)
    if message is None:
        return None
    if message.end > stop:
        if not stream:
            raise Unreadable("the datagram ends before the body does")
        return None
    return message


def read_head(grammar: Grammar, data: bytes, start: int, stop: int, stream: bool) -> Message | None:
    """The same, but for the body, which may end (message.end) behind `stop`."""
    blank = data.find(b"\r\n\r\n", start, min(stop, start + LONGEST_HEAD))
    if blank < 0:
        if stop - start >= LONGEST_HEAD:
            raise Unreadable("headers without end")
        return None
    message = Message(start, blank + 4)
    line_end = data.find(b"\r\n", start, blank + 2)
    _start_line(grammar, data, message, line_end)
    _headers(grammar, data, message, line_end + 2, blank + 2)
    message.end = message.body + _body_size(grammar, data, message, stop, stream)
    return message


def cseq(data: bytes, message: Message) -> int:
    """The number of CSeq, whose first word it is. Raises Unreadable."""
    digits, _, _ = message.value(data, b"cseq").partition(b" ")
    return number(digits, 0, len(digits), 2**32 - 1)


def cseq_method(data: bytes, message: Message) -> bytes:
    """The method that SIP's CSeq names: what a response answers. Raises Unreadable."""
    method = message.value(data, b"cseq").partition(b" ")[2].strip(b" \t")
    if not method or not _TOKEN.issuperset(method):
        raise Unreadable("a CSeq without a method")
    return method


def _start_line(grammar: Grammar, data: bytes, message: Message, end: int) -> None:
    """`METHOD URI VERSION` or `VERSION STATUS reason`."""
    start = message.start
    if end - start > LONGEST_LINE:
        raise Unreadable("a start line too long")
    version = grammar.version + b" "
    if data.startswith(version, start):
        code = start + len(version)
        if code + 4 > end or data[code + 3] != 0x20:
            raise Unreadable("a status line without a reason")
        message.status = number(data, code, code + 3, 699)
        if message.status < 100:
            raise Unreadable("a status under 100")
        return
    first = data.find(b" ", start, end)
    second = data.find(b" ", first + 1, end)
    if first < 0 or second <= first + 1 or data[second + 1 : end] != grammar.version:
        raise Unreadable("not a start line")
    message.method = data[start:first]
    if not 0 < len(message.method) <= 32 or not _TOKEN.issuperset(message.method):
        raise Unreadable("not a method")
    message.uri_start = first + 1
    message.uri_end = second


def _headers(grammar: Grammar, data: bytes, message: Message, at: int, stop: int) -> None:
    """Every line up to `stop`, which is behind the last one."""
    count = 0
    read = True  # whether the header before was one that we read; before the first one there is nothing to fold
    while at < stop:
        end = data.find(b"\r\n", at, stop)
        count += 1
        if end - at > LONGEST_LINE or count > MOST_HEADERS:
            raise Unreadable("a header too long, or too many")
        if data.find(b"\n", at, end) >= 0 or data.find(b"\r", at, end) >= 0 or data.find(b"\0", at, end) >= 0:
            raise Unreadable("half a line end inside a header")
        if data[at] == 0x20 or data[at] == 0x09:
            if read:
                raise Unreadable("a folded header")
        else:
            read = _header(grammar, data, message, at, end)
        at = end + 2


def _header(grammar: Grammar, data: bytes, message: Message, at: int, end: int) -> bool:
    """One line; whether it is one of those that are read."""
    colon = data.find(b":", at, end)
    if colon < 0:
        raise Unreadable("a header without a colon")
    name = data[at:colon].rstrip(b" \t")
    if not name or not _TOKEN.issuperset(name):
        raise Unreadable("a header without a name")
    known = grammar.read.get(name.lower())
    if known is None:
        return False
    places = message.headers.setdefault(known, [])
    if len(places) >= (1 if known in grammar.single else MOST_OF_A_KIND):
        raise Unreadable("a header too often")
    places.append(trim(data, colon + 1, end))
    return True


def _body_size(grammar: Grammar, data: bytes, message: Message, stop: int, stream: bool) -> int:
    places = message.places(b"content-length")
    if places:
        return number(data, places[0][0], places[0][1], LONGEST_BODY)
    if not stream:
        return stop - message.body
    if grammar.sized:
        raise Unreadable("no Content-Length on a stream")
    return 0
