"""What every transport protocol's tracker offers.

Lives here: the interface, the judgements, the list of timeouts. May not live here: a protocol.
A tracker keeps no connection of its own: all state is in the Connection and its Directions, so one tracker
object serves the whole table.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, trait

from conntrack.flow.connection import Connection, Direction
from conntrack.packet.header import Packet

# Judgements. A judgement above FINISH is a number of packet/reason.py: the packet is INVALID for that reason.
ACCEPT: Final = 0  # passes, counts, refreshes
IGNORE: Final = 1  # passes and is translated; no change of state, window or timer
REOPEN: Final = 2  # this connection is over: forget it and look the packet up again as a new one
FINISH: Final = 3  # passes, and the connection ends with it


@trait
class Tracker:
    """One transport protocol. Times and timeouts are seconds."""

    def name(self) -> str:
        """The protocol's name as users and metrics know it: "tcp", "udp", …"""
        raise NotImplementedError

    def states(self) -> list[str]:
        """Names of the numbers in Connection.state, upper case as the kernel writes them."""
        raise NotImplementedError

    def timeouts(self) -> dict[str, float]:
        """The timeouts in force, by name; the keys are what `settings: timeouts:` of a rules file may set."""
        raise NotImplementedError

    def set_timeouts(self, changed: dict[str, float]) -> None:
        """Sets timeouts by name; connections take the new values at their next packet. KeyError: no such name."""
        raise NotImplementedError

    def may_open(self, packet: Packet) -> i64:
        """Whether this packet may begin a connection: 0, or the reason (packet/reason.py) why not."""
        raise NotImplementedError

    def open(self, packet: Packet, connection: Connection, now: float) -> None:
        """Sets the state of a connection that this packet began, and its first deadline. may_open was 0."""
        raise NotImplementedError

    def judge(self, packet: Packet, direction: Direction, now: float) -> i64:
        """Judges a packet of a known connection, and updates state, status (SEEN_REPLY, ASSURED, CLOSING) and deadline.

        Counters, Connection.seen and the timer wheel are the engine's business.
        """
        raise NotImplementedError

    def reckon(self, connection: Connection, seen: float) -> float:
        """The timeout that `judge` would have set with a plain packet at `seen`, by the state as it stands.

        For connections that were carried past the queue meanwhile; may make one ASSURED, as `judge` would have.
        """
        return connection.nominal
