"""What an application helper is: it reads what two hosts say to each other and tells which connections will follow.

Lives here: the interface between helpers and the engine. May not live here: a protocol, the table of expectations
(flow/expectation.py), ports and translation (engine/announce.py).

A helper is pure: it sees payload and its own memory of the conversation, and knows neither clock nor connection. For
every packet that the tracker accepted the engine calls `read`; for what the helper found (Mentions) it decides what may
be opened, opens it, and gives each Mention its Answer; where the speaker is translated or an answer differs from what
was said, it calls `rewrite` for the new payload. A helper cannot open anything by itself, and what it asks for
the engine grants only to the speaker itself (engine/announce.py has the rules).

Whatever the bytes, `read` and `rewrite` return and never raise: what cannot be read is not there. Every loop over the
payload is bounded. Retransmitted TCP segments are not read again: the engine repeats what it sent before.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr, trait

#: Mention.timeout where the helper has no better: how long an expectation waits, in seconds (kernel: 5 minutes)
USUAL_TIMEOUT: Final = 300.0
#: Helper.most where the helper has no better
USUAL_MOST: Final = 1
#: longer payloads are not shown to helpers; a stream has a gap there
LONGEST: Final = 16384


class Endpoint:
    """An address (packed: 4 or 16 bytes) and a port, or what the protocol has for one (GRE: the call id)."""

    __slots__ = ("address", "port")

    def __init__(self, address: bytes, port: int) -> None:
        self.address = address
        self.port: i64 = port

    def same(self, other: Endpoint) -> bool:
        """Whether both say the same."""
        return self.port == other.port and self.address == other.address


class Mention:
    """What a speaker announces: "at this address and port of mine somebody will be expected".

    address: as it was said, b"" where only a port was (FTP's EPSV): the speaker's own. Neither the speaker's address
    nor what it is translated to: nothing is opened, and there is no answer.
    port, count: the first of `count` (1–4) contiguous ports; each gets an expectation. even: the outside ones must
    begin at an even port as well (RTP and its RTCP).
    anybody: whoever comes from the listener's zone may connect; otherwise only the listener's address may.
    peer_port: the port that the connection must come from, 0 for any.
    permanent: stays after the first connection, until the timeout (SIP registrations).
    timeout: seconds. kind: the helper's own class (see Helper.most). group: what `Speech.forgets` takes back together
    (a call's Call-ID). helper: the name of the helper that reads the expected connection, "" for none.
    Subclass it to remember where in the payload it stood.
    """

    def __init__(self, protocol: int, address: bytes, port: int) -> None:
        self.protocol: i64 = protocol  # IP protocol number: TCP, UDP, GRE of packet/header.py
        self.address = address
        self.port: i64 = port
        self.count: i64 = 1
        self.even = False
        self.anybody = False
        self.peer_port: i64 = 0
        self.permanent = False
        self.timeout = USUAL_TIMEOUT
        self.kind: i64 = 0
        self.group: bytes = b""
        self.helper: str = ""


@mypyc_attr(allow_interpreted_subclasses=True)
class Memory:
    """What a helper remembers of one conversation; each helper has its own subclass. Must be bounded."""

    def __init__(self) -> None:
        #: set by the helper: this is not its protocol after all, never show it this conversation again
        self.off = False
        #: set by the helper: seconds of silence that the connection survives at least (a registration, a call on hold)
        self.lasting = 0.0


class Speech:
    """One packet's payload, and who says it to whom. Filled again for every packet: keep nothing of it but bytes.

    payload: of TCP only what was not read before, never more than LONGEST bytes.
    gap: TCP bytes are missing before this payload (a lost segment, a conversation picked up in the middle), so that
    it may begin anywhere. The first payload after the handshake has no gap.
    original: said by the side that began the connection.
    speaker, listener: the packet's source and destination as it came; speaker_seen, listener_seen: as it leaves.
    Where nothing is translated they are the same.
    forgets: the helper appends groups of Mentions that are over (a call that ended): what waits for them is removed.
    ends: groups of which the connections that came end as well (the call's media).
    renews: groups that wait on, and for how many seconds from now (a registration that was accepted).
    """

    def __init__(self, memory: Memory) -> None:
        nobody = Endpoint(b"", 0)
        self.memory = memory
        self.protocol: i64 = 0
        self.payload: bytes = b""
        self.gap = False
        self.original = True
        self.speaker = nobody
        self.speaker_seen = nobody
        self.listener = nobody
        self.listener_seen = nobody
        self.forgets: list[bytes] = []
        self.ends: list[bytes] = []
        self.renews: list[tuple[bytes, float]] = []

    def translated(self) -> bool:
        """Whether addresses or ports of this packet change on its way."""
        return not (self.speaker.same(self.speaker_seen) and self.listener.same(self.listener_seen))

    def outward(self, said: Endpoint) -> Endpoint:
        """An endpoint as the listener must be told it: speaker and listener as they leave, anything else as it is."""
        if said.same(self.speaker):
            return self.speaker_seen
        if said.same(self.listener):
            return self.listener_seen
        return said


@trait
class Helper:
    """One application protocol. An object serves all connections: what it remembers is in Memory."""

    def name(self) -> str:
        """What rules call it: "ftp"."""
        raise NotImplementedError

    def protocols(self) -> list[int]:
        """The IP protocol numbers of the connections that it reads."""
        raise NotImplementedError

    def most(self, kind: int) -> int:
        """How many expectations of a kind one connection may have waiting; over that the oldest goes."""
        return USUAL_MOST

    def begin(self) -> Memory:
        """The memory of a new conversation."""
        raise NotImplementedError

    def read(self, speech: Speech) -> list[Mention]:
        """What the speaker announces in this packet, in order; [] for nothing."""
        raise NotImplementedError

    def rewrite(self, speech: Speech, mentions: list[Mention], answers: list[Endpoint | None]) -> bytes:
        """The payload as the listener is to get it, speech.payload itself where nothing changes.

        mentions: what `read` found in this very speech; answers: for each of them the outside address and first port
        to put in its place, None where nothing was opened and the words stay as they are. Called if any answer differs
        from what was said, or if the packet is translated (speech.outward says to what).
        """
        raise NotImplementedError


class Edit:
    """Bytes to put in the place of payload[start:end]."""

    __slots__ = ("end", "new", "start")

    def __init__(self, start: int, end: int, new: bytes) -> None:
        self.start: i64 = start
        self.end: i64 = end
        self.new = new


def splice(payload: bytes, edits: list[Edit]) -> bytes:
    """The payload with the edits made, which may stand in any order. Of two that overlap only the first is made."""
    pieces: list[bytes] = []
    at: i64 = 0
    for edit in sorted(edits, key=start_of):
        if edit.start < at:
            continue
        pieces.append(payload[at : edit.start])
        pieces.append(edit.new)
        at = edit.end
    pieces.append(payload[at:])
    return b"".join(pieces)


def start_of(edit: Edit) -> int:
    """Where an edit begins."""
    return int(edit.start)
