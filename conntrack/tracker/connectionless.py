"""What protocols without a handshake have in common: a connection is a question until somebody answers.

Lives here: the two states, their timeouts and the refresh. May not live here: any one protocol.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.flow.connection import ASSURED, ORIGINAL_QUIET, REPLY_QUIET, SEEN_REPLY, Connection, Direction
from conntrack.packet import reason
from conntrack.packet.header import Packet
from conntrack.tracker.base import ACCEPT, Tracker
from conntrack.tracker.timeouts import change

# Connection.state; the kernel has no states here, only [UNREPLIED] and its absence
UNREPLIED: Final = 0
REPLIED: Final = 1

STATES: Final = ("UNREPLIED", "REPLIED")


class ConnectionlessTracker(Tracker):
    """Every packet may begin a connection, and every packet refreshes it."""

    def __init__(self, name: str, timeouts: dict[str, float]) -> None:
        self._name = name
        self._timeouts = dict(timeouts)

    def name(self) -> str:
        """The protocol's name."""
        return self._name

    def states(self) -> list[str]:
        """UNREPLIED and REPLIED."""
        return list(STATES)

    def timeouts(self) -> dict[str, float]:
        """The timeouts in force."""
        return dict(self._timeouts)

    def set_timeouts(self, changed: dict[str, float]) -> None:
        """Sets timeouts by name; all or none. KeyError: no such name."""
        change(self._timeouts, changed)

    def may_open(self, packet: Packet) -> i64:
        """Yes."""
        return reason.OK

    def open(self, packet: Packet, connection: Connection, now: float) -> None:
        """Begins unreplied."""
        connection.state = UNREPLIED
        refresh(connection, self.timeout(connection, now), now)

    def judge(self, packet: Packet, direction: Direction, now: float) -> i64:
        """Refreshes. The packet that is the first answer is still judged as if there was none, as in the kernel."""
        connection = direction.connection
        if not connection.status & (ORIGINAL_QUIET if direction.original else REPLY_QUIET):
            refresh(connection, self.timeout(connection, now), now)
        if not direction.original and not connection.status & SEEN_REPLY:
            connection.status |= SEEN_REPLY
            connection.state = REPLIED
        return ACCEPT

    def reckon(self, connection: Connection, seen: float) -> float:
        """What a packet at `seen` gave."""
        return self.timeout(connection, seen)

    def timeout(self, connection: Connection, now: float) -> float:
        """Seconds that a packet gives this connection; may make it ASSURED."""
        raise NotImplementedError


class SteadyTracker(ConnectionlessTracker):
    """One timeout, whatever was seen; never ASSURED."""

    def __init__(self, name: str, timeout: str, seconds: float) -> None:
        super().__init__(name, {timeout: seconds})
        self._seconds = seconds

    def set_timeouts(self, changed: dict[str, float]) -> None:
        """Sets the timeout by its name. KeyError: no such name."""
        super().set_timeouts(changed)
        for seconds in self._timeouts.values():
            self._seconds = seconds

    def timeout(self, connection: Connection, now: float) -> float:
        """The timeout."""
        return self._seconds


class StreamTracker(ConnectionlessTracker):
    """A short timeout until a connection proves to go both ways, then a longer one, and ASSURED.

    lasting: seconds after its beginning from which on an answered connection counts as a stream.
    """

    def __init__(self, name: str, unreplied: float, replied: float, lasting: float) -> None:
        super().__init__(name, {"unreplied": unreplied, "replied": replied})
        self._unreplied = unreplied
        self._replied = replied
        self._lasting = lasting

    def set_timeouts(self, changed: dict[str, float]) -> None:
        """Sets "unreplied" and "replied". KeyError: another name."""
        super().set_timeouts(changed)
        self._unreplied = self._timeouts["unreplied"]
        self._replied = self._timeouts["replied"]

    def timeout(self, connection: Connection, now: float) -> float:
        """The longer one from the second packet after the first answer on, if the connection lasts."""
        if connection.status & SEEN_REPLY and now >= connection.started + self._lasting:
            connection.status |= ASSURED
            return self._replied
        return self._unreplied


def refresh(connection: Connection, timeout: float, now: float) -> None:
    """Sets the deadline `timeout` seconds from now."""
    connection.nominal = timeout
    connection.deadline = now + timeout
