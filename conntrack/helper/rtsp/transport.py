"""RTSP's Transport header (RFC 2326 §12.39): who sends RTP from where to where.

Lives here: the header's grammar and where the ports stand. May not live here: what may be opened (helper.py). RTSP 2.0
(RFC 7826) names addresses with the ports; it is another protocol by its version, and not read.
"""

from __future__ import annotations

from typing import Final

from conntrack.helper.message import Grammar
from conntrack.helper.words import HostPort, Unreadable, address, port, trim

RTSP: Final = Grammar(
    b"RTSP/1.0",
    {
        b"cseq": b"cseq",
        b"session": b"session",
        b"transport": b"transport",
        b"content-length": b"content-length",
        b"content-encoding": b"content-encoding",
    },
    frozenset((b"cseq", b"session", b"transport", b"content-length", b"content-encoding")),
    False,
)
#: transports offered in one header, and parameters of one
MOST_TRANSPORTS: Final = 8
MOST_PARAMETERS: Final = 32


class Ports:
    """`client_port=4588-4589`: the ports (last = first for a single one) and where the text of both stands."""

    __slots__ = ("end", "first", "last", "start")

    def __init__(self, first: int, last: int, start: int, end: int) -> None:
        self.first = first
        self.last = last
        self.start = start
        self.end = end


class Transport:
    """One transport of the header.

    datagrams: RTP over UDP, unicast, and sent to nobody else than who asks; source: where it is said to come from.
    """

    __slots__ = ("client", "datagrams", "server", "source")

    def __init__(self) -> None:
        self.datagrams = False
        self.client: Ports | None = None
        self.server: Ports | None = None
        self.source: HostPort | None = None


def read_transports(data: bytes, start: int, end: int) -> list[Transport]:
    """The transports of a header, in order of preference. Raises Unreadable."""
    found: list[Transport] = []
    at = start
    while at < end:
        stop = data.find(b",", at, end)
        if stop < 0:
            stop = end
        if len(found) >= MOST_TRANSPORTS:
            raise Unreadable("too many transports")
        found.append(_transport(data, at, stop))
        at = stop + 1
    return found


def _transport(data: bytes, at: int, end: int) -> Transport:
    """`RTP/AVP/UDP;unicast;client_port=4588-4589;mode="PLAY"`."""
    transport = Transport()
    multicast = elsewhere = False
    count = 0
    while at <= end:
        stop = data.find(b";", at, end)
        if stop < 0:
            stop = end
        start, word_end = trim(data, at, stop)
        word = data[start:word_end].lower()
        if count == 0:
            transport.datagrams = word in (b"rtp/avp", b"rtp/avp/udp", b"rtp/avpf", b"rtp/avpf/udp")
        elif word == b"multicast":
            multicast = True
        elif word.startswith((b"destination", b"interleaved")):
            elsewhere = True
        elif word.startswith(b"source="):
            transport.source = HostPort(address(data[start + 7 : word_end]), 0, start + 7, word_end)
        elif word.startswith(b"client_port="):
            transport.client = _ports(data, start + 12, word_end, transport.client)
        elif word.startswith(b"server_port="):
            transport.server = _ports(data, start + 12, word_end, transport.server)
        count += 1
        if count > MOST_PARAMETERS:
            raise Unreadable("too many parameters")
        at = stop + 1
    if multicast or elsewhere:
        transport.datagrams = False
    return transport


def _ports(data: bytes, start: int, end: int, before: Ports | None) -> Ports:
    """`4588-4589` or `4588`."""
    if before is not None:
        raise Unreadable("the same ports twice")
    dash = data.find(b"-", start, end)
    first = port(data, start, dash if dash >= 0 else end)
    last = port(data, dash + 1, end) if dash >= 0 else first
    if first == 0 or not first <= last <= first + 1:
        raise Unreadable("not a port, nor a pair of neighbours")
    return Ports(first, last, start, end)
