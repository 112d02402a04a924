"""What the engine keeps of a connection that a helper reads.

Lives here: how far each direction was read, and how its bytes were changed. May not live here: what the helper
remembers (helper/), what is done with a packet (helping.py).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.shift import Shift
from conntrack.flow.connection import Connection, Direction
from conntrack.helper.base import Endpoint, Helper, Speech
from conntrack.packet.header import SYN, TCP, Packet
from conntrack.packet.octets import u16
from conntrack.tracker.tcp.sequence import MASK

#: Way.unread: nothing to read
NOTHING: Final = -1


class Way:
    """One direction of a conversation: speaker and listener as their packets come, and as they leave."""

    def __init__(self, direction: Direction) -> None:
        self.speaker, self.listener = ends(direction.key[2:])
        self.speaker_seen, self.listener_seen = ends(direction.translated or direction.key[2:])
        self.shift = Shift()
        self.gap = True  # bytes were missed before the next ones
        self._next: i64 = -1  # sequence number of the first byte that was not read; -1: not known

    def unread(self, packet: Packet) -> i64:
        """Where in the packet's payload (from 0) there is something to read, or NOTHING; notes it as read.

        Segments that were read before are not read again, whatever they bring this time: what they stand for has left.
        """
        length = packet.length - packet.payload
        if packet.protocol != TCP:
            self.gap = False
            whole = u16(packet.raw, packet.transport + 4) == packet.length - packet.transport
            return 0 if length > 0 and whole else NOTHING
        if packet.flags & SYN:
            self._next = (packet.seq + 1) & MASK
            self.gap = length > 0  # data on a SYN (RFC 7413) may be refused and come again, so it is not read
            return NOTHING
        if length == 0:
            return NOTHING
        if self._next < 0:
            self._next = packet.seq
            self.gap = True
        ahead = (packet.seq - self._next) & MASK
        if ahead > MASK >> 1:
            known = (self._next - packet.seq) & MASK
            if known >= length:
                return NOTHING
            self._next = (packet.seq + length) & MASK
            return known
        if ahead > 0:
            self.gap = True
        self._next = (packet.seq + length) & MASK
        return 0


class Offspring:
    """An expected connection that came: its group, its original key, and its identity, since keys are used again."""

    def __init__(self, group: bytes, key: bytes, identity: int) -> None:
        self.group = group
        self.key = key
        self.identity: i64 = identity


class Conversation:
    """A connection's helper, its memory, both directions, and what came of it."""

    def __init__(self, helper: Helper, connection: Connection) -> None:
        self.helper = helper
        self.speech = Speech(helper.begin())
        self.speech.protocol = connection.protocol
        self.offspring: list[Offspring] = []
        self._original = Way(connection.original)
        self._reply = Way(connection.reply)

    def way(self, original: bool) -> Way:
        """One direction's."""
        return self._original if original else self._reply

    def shifted(self) -> bool:
        """Whether numbers differ in any direction."""
        return self._original.shift.active() or self._reply.shift.active()


def ends(pair: bytes) -> tuple[Endpoint, Endpoint]:
    """Source and destination of a socket pair (Packet.pair's layout)."""
    size = 4 if len(pair) == 12 else 16
    ports = 2 * size
    source = Endpoint(pair[:size], pair[ports] << 8 | pair[ports + 1])
    return source, Endpoint(pair[size:ports], pair[ports + 2] << 8 | pair[ports + 3])
