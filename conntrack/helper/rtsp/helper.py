"""RTSP over TCP (RFC 2326): media over UDP that a SETUP agrees on.

Lives here: which side announces which ports, and how they are rewritten. May not live here: the header's grammar
(transport.py), the search for messages (helper/stream.py). A client announces client_port in SETUP, a server its
server_port in the answer, which repeats the client's; interleaved media need nobody's help.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from conntrack.helper.base import Edit, Endpoint, Helper, Memory, Mention, Speech, splice
from conntrack.helper.message import Message
from conntrack.helper.rtsp.transport import RTSP, Ports, Transport, read_transports
from conntrack.helper.stream import Stream
from conntrack.helper.words import Unreadable, show_address
from conntrack.packet.header import TCP, UDP

#: ports that may wait at a time: some streams of one presentation, two ports each, of both sides
MOST_WAITING: Final = 32
#: ports that one conversation remembers
MOST_KNOWN: Final = 32
#: a server may take this long to begin (players buffer, people press "play" later)
MEDIA_SECONDS: Final = 180.0
GROUP: Final = b"media"


class PortMention(Mention):
    """client_port of a SETUP, or server_port of its answer."""

    def __init__(self, ports: Ports) -> None:
        super().__init__(UDP, b"", ports.first)
        self.ports = ports
        self.count = ports.last - ports.first + 1
        self.even = self.count == 2 and ports.first % 2 == 0
        self.timeout = MEDIA_SECONDS
        self.group = GROUP


class Known:
    """Ports that one side announced: as it said them, and as the other side was told."""

    def __init__(self, original: bool, first: int, last: int, told: int) -> None:
        self.original = original
        self.first = first
        self.last = last
        self.told = told


@mypyc_attr(allow_interpreted_subclasses=True)
class RtspMemory(Memory):
    """One conversation."""

    def __init__(self) -> None:
        super().__init__()
        self.transports: list[Transport] = []  # of the packet at hand
        self.sessions: set[bytes] = set()
        self._streams: dict[bool, Stream] = {}
        self._known: list[Known] = []

    def stream(self, original: bool) -> Stream:
        """Where one direction is."""
        return self._streams.setdefault(original, Stream(RTSP, interleaved=True))

    def told(self, known: Known) -> None:
        """Notes what ports were told as."""
        self._known = [one for one in self._known if (one.original, one.first) != (known.original, known.first)]
        self._known = [*self._known[-(MOST_KNOWN - 1) :], known]

    def across(self, original: bool, told: int) -> Known | None:
        """What the other side than `original` had said where this one repeats what it was told."""
        for known in self._known:
            if known.original != original and known.told == told:
                return known
        return None


class RtspHelper(Helper):
    """The helper "rtsp"."""

    def name(self) -> str:
        """Its name."""
        return "rtsp"

    def protocols(self) -> list[int]:
        """TCP; RTSP over UDP is not in use."""
        return [TCP]

    def most(self, kind: int) -> int:
        """Ports of several streams."""
        return MOST_WAITING

    def begin(self) -> Memory:
        """A conversation of which nothing is known."""
        return RtspMemory()

    def read(self, speech: Speech) -> list[Mention]:
        """The ports that the speaker announces."""
        memory = speech.memory
        assert isinstance(memory, RtspMemory)
        memory.transports = []
        stream = memory.stream(speech.original)
        mentions: list[Mention] = []
        for message in stream.messages(speech.payload, speech.gap):
            try:
                mentions.extend(_read(message, speech, memory))
            except Unreadable:
                continue
        if stream.foreign:
            memory.off = True
        return mentions

    def rewrite(self, speech: Speech, mentions: list[Mention], answers: list[Endpoint | None]) -> bytes:
        """The ports and the source address as the listener is to read them."""
        memory = speech.memory
        assert isinstance(memory, RtspMemory)
        edits: list[Edit] = []
        for mention, answer in zip(mentions, answers, strict=True):
            if answer is None or not isinstance(mention, PortMention):
                continue
            ports = mention.ports
            memory.told(Known(speech.original, ports.first, ports.last, int(answer.port)))
            edits.append(Edit(ports.start, ports.end, show(int(answer.port), ports.last - ports.first)))
        for transport in memory.transports:
            edits.extend(_repeated(transport, speech, memory))
        return splice(speech.payload, edits)


def _read(message: Message, speech: Speech, memory: RtspMemory) -> list[Mention]:
    """What one message announces. Raises Unreadable."""
    payload = speech.payload
    session = message.value(payload, b"session").partition(b";")[0]
    if message.method == b"TEARDOWN":
        memory.sessions.discard(session)
        if not memory.sessions:
            speech.forgets.append(GROUP)
            speech.ends.append(GROUP)
        return []
    if message.method not in (b"", b"SETUP") or message.status >= 300:
        return []
    if session and message.status and len(memory.sessions) < MOST_KNOWN:
        memory.sessions.add(session)
    found: list[Mention] = []
    for start, end in message.places(b"transport"):
        for transport in read_transports(payload, start, end):
            memory.transports.append(transport)
            ports = transport.client if message.method else transport.server
            if transport.datagrams and ports is not None and _from_speaker(transport, speech):
                found.append(PortMention(ports))
    return found


def _from_speaker(transport: Transport, speech: Speech) -> bool:
    """Whether media come from the speaker itself, as far as is said."""
    return transport.source is None or transport.source.address == speech.speaker.address


def _repeated(transport: Transport, speech: Speech, memory: RtspMemory) -> list[Edit]:
    """Where an answer repeats the client's ports, the client's own; the speaker's address as it is seen."""
    edits: list[Edit] = []
    source = transport.source
    if source is not None and source.address == speech.speaker.address != speech.speaker_seen.address:
        edits.append(Edit(source.start, source.end, show_address(speech.speaker_seen.address)))
    for ports in (transport.client, transport.server):
        if ports is None:
            continue
        known = memory.across(speech.original, ports.first)
        if known is not None and known.first != known.told:
            edits.append(Edit(ports.start, ports.end, show(known.first, ports.last - ports.first)))
    return edits


def show(first: int, more: int) -> bytes:
    """`4588-4589`, or `4588`."""
    return f"{first}-{first + more}".encode() if more else str(first).encode()
