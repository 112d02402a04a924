"""Connections that are not offered again for a while.

Lives here: for how long, and why each time is longer. May not live here: what was wrong with them.
A connection whose packets keep coming back (fragments, a narrower way, an asymmetric one) would be taken over and
given back again and again, which costs more than judging its packets.
"""

from __future__ import annotations

from typing import Final

from conntrack.flow.connection import DYING, Connection

#: seconds for the first time; each further one takes four times as long
FIRST: Final = 0.25
LONGEST: Final = 60.0
#: seconds until one without a way is looked at again, if no route changes before
NO_WAY: Final = 10.0
FOREVER: Final = float("inf")
_GROWTH: Final = 4.0
#: seconds of good behaviour after which it counts as new
_FORGIVEN: Final = 30.0
_MOST: Final = 4096


class Holds:
    """Holds by Connection.identity."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[float, float, Connection]] = {}  # until, how long, whom
        self._sweep_at = _MOST

    def __len__(self) -> int:
        return len(self._held)

    def holds(self, connection: Connection, now: float) -> bool:
        """Whether it must wait."""
        held = self._held.get(int(connection.identity))
        return held is not None and held[0] > now

    def longer(self, connection: Connection, now: float) -> None:
        """It came back."""
        until, length, _ = self._held.get(int(connection.identity), (-FOREVER, 0.0, connection))
        length = FIRST if not length or now - until > _FORGIVEN else min(length * _GROWTH, LONGEST)
        self.hold(connection, now, length)

    def hold(self, connection: Connection, now: float, length: float) -> None:
        """Makes it wait for so many seconds."""
        self._held[int(connection.identity)] = (now + length, length, connection)
        if len(self._held) > self._sweep_at:
            self._sweep(now)

    def release(self, barred: bool = False) -> None:
        """Something changed for all of them; barred: even for those held FOREVER."""
        self._held = {} if barred else {who: held for who, held in self._held.items() if held[1] == FOREVER}
        self._sweep_at = max(_MOST, 2 * len(self._held))

    def _sweep(self, now: float) -> None:
        self._held = {
            identity: held
            for identity, held in self._held.items()
            if held[0] + _FORGIVEN > now and not held[2].status & DYING
        }
        self._sweep_at = max(_MOST, 2 * len(self._held))
