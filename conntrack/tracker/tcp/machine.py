"""The TCP tracker: puts table, windows, RST rules and timers together.

Lives here: the order in which they are asked, and what an accepted packet changes. May not live here: their rules.
But for tests/kernel/deliberate.py's list this does as Linux's nf_conntrack, which tests/kernel compares it with.
"""

from __future__ import annotations

from typing import cast

from mypy_extensions import i64

from conntrack.flow.connection import ASSURED, CLOSING, OFFLOADED, SEEN_REPLY, Connection, Direction
from conntrack.packet import reason
from conntrack.packet.header import SYN, Packet
from conntrack.tracker.base import ACCEPT, FINISH, IGNORE, Tracker
from conntrack.tracker.tcp import table
from conntrack.tracker.tcp.around import take_step
from conntrack.tracker.tcp.examine import examine
from conntrack.tracker.tcp.memory import Memory
from conntrack.tracker.tcp.reset import judge_reset
from conntrack.tracker.tcp.steps import DONE, SURE
from conntrack.tracker.tcp.timers import Timers
from conntrack.tracker.tcp.window import CLOSED_FIRST, LIBERAL, SACK, UNACKNOWLEDGED, Window

#: an ending that two refused packets hint at does not shorten what ends sooner than this anyway, in seconds
_SOON = 120.0


class TcpTracker(Tracker):
    """TCP. loose: picks up connections that began unseen. liberal: lets packets outside the window pass."""

    def __init__(self, loose: bool = True, liberal: bool = False) -> None:
        self.loose = loose
        self.liberal = liberal
        self._timers = Timers()

    def name(self) -> str:
        """The protocol's name."""
        return "tcp"

    def states(self) -> list[str]:
        """State names by number, as the kernel spells them."""
        return list(table.STATES)

    def timeouts(self) -> dict[str, float]:
        """The timeouts in force: one for each state but NONE, and timers.py's special ones."""
        return self._timers.by_name()

    def set_timeouts(self, changed: dict[str, float]) -> None:
        """Sets timeouts by name. KeyError: no such name, and none is set."""
        self._timers.set(changed)

    def may_open(self, packet: Packet) -> i64:
        """A SYN may begin a connection; an ACK may where `loose` is on; nothing else."""
        kind = table.CLASSES[packet.flags]
        if kind == table.SYN or (kind == table.ACK and self.loose):
            return reason.OK
        return reason.NOT_AN_OPENER

    def open(self, packet: Packet, connection: Connection, now: float) -> None:
        """Starts the windows, and judges the packet as any other."""
        sender = Window()
        receiver = Window()
        if packet.flags & SYN:
            sender.begin(packet)
        else:
            sender.pick_up(packet)
            sender.flags = SACK | LIBERAL
            receiver.flags = SACK | LIBERAL
        connection.original.state = sender
        connection.reply.state = receiver
        connection.tracking = Memory()
        connection.state = table.NONE
        self.judge(packet, connection.original, now)

    def judge(self, packet: Packet, direction: Direction, now: float) -> i64:
        """Judges a packet of a known connection.

        IGNORE also stands for a SYN as long as no answer was seen: it passes, and does not keep the connection alive,
        though it may lead to SYN_SENT2.
        """
        connection = direction.connection
        sender = cast(Window, direction.state)
        receiver = cast(Window, direction.peer.state)
        memory = cast(Memory, connection.tracking)
        original = direction.original
        state = connection.state
        kind: i64 = table.CLASSES[packet.flags]
        new: i64 = table.TRANSITIONS[(0 if original else table.REPLY_ROWS) + 16 * kind + state]
        if new == table.CLOSE and kind == table.RST:
            new = judge_reset(packet, state, connection.status, original, sender, receiver, memory)
        elif new != table.ESTABLISHED:
            new = take_step(packet, kind, state, new, original, sender, receiver, memory)
        if new >= DONE:
            return passed_over(new - DONE, connection, original)
        if new < SURE:
            judgement = examine(packet, state, kind, original, sender, receiver, memory)
            if judgement != ACCEPT and not (sender.flags & LIBERAL or (self.liberal and not unsure(connection))):
                if judgement != IGNORE:
                    self._refuse(kind, original, memory, connection, now)
                return passed_over(judgement, connection, original)
        return self._accept(kind, state, new & (SURE - 1), original, sender, receiver, memory, connection, now)

    def reckon(self, connection: Connection, seen: float) -> float:
        """What an ACK gave that left windows and memory as they are."""
        flags = cast(Window, connection.original.state).flags | cast(Window, connection.reply.state).flags
        memory = cast(Memory, connection.tracking)
        return self._timers.choose(connection.state, table.ACK, flags & UNACKNOWLEDGED != 0, memory)

    def _accept(
        self,
        kind: i64,
        state: i64,
        new: i64,
        original: bool,
        sender: Window,
        receiver: Window,
        memory: Memory,
        connection: Connection,
        now: float,
    ) -> i64:
        """The packet is believed: moves to the new state and sets the deadline."""
        memory.note(kind, original)
        status = connection.status
        if new != state:
            connection.state = new
            if new == table.FIN_WAIT:
                sender.flags |= CLOSED_FIRST
            closing = table.FIN_WAIT <= new <= table.CLOSE
            connection.status = status | CLOSING if closing else status & ~CLOSING
        unacknowledged = (sender.flags | receiver.flags) & UNACKNOWLEDGED != 0
        timeout = self._timers.choose(new, kind, unacknowledged, memory)
        if not status & SEEN_REPLY:
            if not original:
                connection.status |= SEEN_REPLY
            if kind == table.RST:
                return FINISH
            if kind == table.SYN and state == table.SYN_SENT:
                return IGNORE
            if new == table.ESTABLISHED and timeout > self._timers.picked_up:
                timeout = self._timers.picked_up
        elif new == table.ESTABLISHED and (state == new or state == table.SYN_RECV):
            connection.status |= ASSURED
        connection.nominal = timeout
        connection.deadline = now + timeout
        return ACCEPT

    def _refuse(self, kind: i64, original: bool, memory: Memory, connection: Connection, now: float) -> None:
        """A FIN or RST outside the window, and one from either side: most likely the hosts have closed unseen by us."""
        if (kind != table.FIN and kind != table.RST) or not connection.status & ASSURED:
            return
        if memory.original == original or (memory.kind != table.FIN and memory.kind != table.RST):
            memory.note(kind, original)
            return
        limit = self._timers.unacknowledged
        if connection.deadline - now > max(limit, _SOON):
            connection.nominal = limit
            connection.deadline = now + limit


def unsure(connection: Connection) -> bool:
    """Whether others of its packets may have overtaken this one (Offload.overtaken): then we are asked once more."""
    return connection.status & OFFLOADED != 0


def passed_over(judgement: i64, connection: Connection, original: bool) -> i64:
    """A packet that changes nothing, except that an ignored one is an answer nonetheless."""
    if judgement == IGNORE and not original:
        connection.status |= SEEN_REPLY
    return judgement
