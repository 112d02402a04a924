"""A packet of a connection that a helper reads (status HELPED).

Lives here: the order: numbers that the tracker understands → tracker (path.py) → helper → expectations → changed
bytes → numbers that the receiver understands. May not live here: protocols (helper/), what may be expected
(announce.py).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.announce import Announcement
from conntrack.engine.conversation import NOTHING, Conversation, Way
from conntrack.engine.leave import leave
from conntrack.engine.offspring import heed, keep
from conntrack.engine.segments import leave_clamped
from conntrack.engine.state import State
from conntrack.flow.connection import HELPED, Connection, Direction
from conntrack.helper.base import LONGEST, Endpoint, Mention
from conntrack.packet.errors import Malformed
from conntrack.packet.header import ACK, SYN, TCP, Packet
from conntrack.packet.splice import LARGEST, long, sack_edges, with_acks, with_payload
from conntrack.tracker.base import ACCEPT

#: mentions in one packet that are looked at
MOST_MENTIONS: Final = 16
#: a link's MTU where it is not known
_USUAL_MTU: Final = 1500


class Helping:
    """Runs the helpers."""

    def __init__(self, state: State) -> None:
        self._state = state

    def hear(self, packet: Packet, direction: Direction) -> None:
        """Before the tracker: acknowledgements as the side that is acknowledged counts."""
        conversation = self._conversation(direction.connection)
        if conversation is None or packet.protocol != TCP or not packet.flags & ACK:
            return
        shift = conversation.way(not direction.original).shift
        if not shift.active():
            return
        edges: list[bytes] = []
        try:
            for edge in sack_edges(packet):
                edges.append(long(shift.inward(edge, late=len(edges) % 2 == 0)))
        except Malformed:
            edges = []  # the tracker does not heed them either
        ack = shift.inward(packet.ack)
        packet.raw = with_acks(packet, ack, edges)
        packet.ack = ack

    def leave(
        self, packet: Packet, direction: Direction, hook: i64, inbound: i64, outbound: i64, judgement: i64, now: float
    ) -> tuple[int, bytes | None, int]:
        """After the tracker: the helper reads, and the packet leaves as its receiver must get it."""
        connection = direction.connection
        conversation = self._conversation(connection)
        if conversation is not None:
            self._speak(conversation, packet, direction, judgement, now)
        if packet.flags & SYN and packet.protocol == TCP and self._state.clamps:
            verdict, out, mark = leave_clamped(self._state, packet, direction, hook, inbound, outbound)
        else:
            verdict, out, mark = leave(self._state, packet, direction, connection, hook)
        return verdict, packet.raw if out is None else out, mark

    def _conversation(self, connection: Connection) -> Conversation | None:
        return self._state.conversations.get(int(connection.identity))

    def _speak(
        self, conversation: Conversation, packet: Packet, direction: Direction, judgement: i64, now: float
    ) -> None:
        """Lets the helper read what is new, and gives the packet the bytes and numbers that it leaves with."""
        way = conversation.way(direction.original)
        if judgement == ACCEPT:
            if packet.protocol == TCP and packet.flags & ACK:
                conversation.way(not direction.original).shift.settle(packet.ack)
            at = way.unread(packet)
            if at != NOTHING and not conversation.speech.memory.off:
                self._read(conversation, way, packet, direction, at, now)
            if conversation.speech.memory.lasting > 0.0:
                keep(conversation, direction.connection, now)
        if packet.protocol == TCP and way.shift.active():
            seq, data = way.shift.outward(packet.seq, packet.raw[packet.payload : packet.length])
            packet.raw = with_payload(packet, data, seq)
            packet.length = len(packet.raw)
        if conversation.speech.memory.off and not conversation.shifted():
            self._dismiss(direction.connection)

    def _dismiss(self, connection: Connection) -> None:
        """The helper reads no more, and no number differs: a connection like any other, once nothing is expected."""
        if not self._state.expectations.of(connection):
            connection.status &= ~HELPED
            del self._state.conversations[int(connection.identity)]

    def _read(
        self, conversation: Conversation, way: Way, packet: Packet, direction: Direction, at: i64, now: float
    ) -> None:
        """The helper reads the payload from `at` on; what it mentions is opened, or not, and put into other words."""
        speech = conversation.speech
        helper = conversation.helper
        payload = packet.raw[packet.payload + at : packet.length]
        if len(payload) > LONGEST or way.shift.full():
            way.gap = True
            return
        speech.payload = payload
        speech.gap = way.gap
        speech.original = direction.original
        speech.speaker, speech.speaker_seen = way.speaker, way.speaker_seen
        speech.listener, speech.listener_seen = way.listener, way.listener_seen
        speech.forgets, speech.ends, speech.renews = [], [], []
        way.gap = False
        mentions = helper.read(speech)[:MOST_MENTIONS]
        heed(self._state, conversation, direction.connection, now)
        announcement = Announcement(self._state, speech, helper, direction, now)
        answers: list[Endpoint | None] = []
        for mention in mentions:
            answers.append(announcement.grant(mention))  # noqa: PERF401 - a loop compiles to one
        if speech.translated() or differ(mentions, answers):
            new = helper.rewrite(speech, mentions, answers)
            if new != payload and not self._replace(packet, way, at, payload, new):
                announcement.withdraw()

    def _replace(self, packet: Packet, way: Way, at: i64, old: bytes, new: bytes) -> bool:
        """Gives the payload from `at` on other bytes; False where the packet would outgrow its path."""
        size = packet.length + len(new) - len(old)
        if size > packet.length and size > self._room(packet, way.listener_seen.address):
            return False
        if packet.protocol == TCP:
            start, end = changed(old, new)
            place = packet.seq + at
            way.shift.note(place + start, place + end, new[start : len(new) - (len(old) - end)])
            return True
        packet.raw = with_payload(packet, new, 0)
        packet.length = len(packet.raw)
        return True

    def _room(self, packet: Packet, target: bytes) -> i64:
        """The largest packet that the way to an address takes. Joined segments (GSO) are cut again."""
        mtu = self._state.topology.path_mtu(target) or _USUAL_MTU
        return LARGEST if packet.length > mtu and packet.protocol == TCP else mtu


def differ(mentions: list[Mention], answers: list[Endpoint | None]) -> bool:
    """Whether any answer is another than what was said."""
    for mention, answer in zip(mentions, answers, strict=True):
        if answer is None:
            continue
        if answer.port != mention.port or (mention.address and answer.address != mention.address):
            return True
    return False


def changed(old: bytes, new: bytes) -> tuple[i64, i64]:
    """The part of the old bytes, at least one, outside of which the new ones are the same: start and end."""
    shorter = min(len(old), len(new))
    start: i64 = 0
    while start < shorter and old[start] == new[start]:
        start += 1
    rest: i64 = 0
    while rest < shorter - start and old[len(old) - rest - 1] == new[len(new) - rest - 1]:
        rest += 1
    end = len(old) - rest
    if start == end:
        if start > 0:
            start -= 1
        else:
            end += 1
    return start, end
