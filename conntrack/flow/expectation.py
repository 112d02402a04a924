"""Connections that a helper foresees: what they will come with, and whose they are.

Lives here: the expectations that wait, by what they arrive with and by their master; limits and timeouts. May not live
here: protocols (helper/), what may be expected and at which port (engine/announce.py), who gives back what one holds.

An expectation is a socket pair of which the source may be open: any port, any address. It lives until its timeout, its
master's end or, unless it is permanent, the first connection that it lets in.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.flow.connection import Connection

#: expectations that may wait at a time, of all connections together; over that, new ones are refused
MOST: Final = 4096
#: those that may wait at one place, be it of as many masters: a packet that arrives there is held against each of them
MOST_AT_A_PLACE: Final = 64


class Expectation:
    """One expected connection. Keys' parts are packed; times are seconds on the engine's clock.

    place: protocol, space, destination address and port as the packet will arrive (place_of).
    inside: the address and port that it is for, as they are behind any translation.
    peer, peer_port: whom it must come from; b"" and 0 for anybody, any port.
    seen_as: the source address that the target must see, b"" for the source that comes.
    zone: the number of the zone that it must come from; zone_inside: of the target's, which may call it too (hairpin).
    """

    def __init__(self, master: Connection, place: bytes, inside: bytes, inside_port: i64) -> None:
        self.master = master
        self.place = place
        self.inside = inside
        self.inside_port: i64 = inside_port
        self.peer: bytes = b""
        self.peer_port: i64 = 0
        self.seen_as: bytes = b""
        self.zone: i64 = -1
        self.zone_inside: i64 = -1
        self.permanent = False
        self.deadline = 0.0
        self.kind: i64 = 0
        self.group: bytes = b""
        self.helper: str = ""
        self.hold: object | None = None  # what nat/ must take back

    def admits(self, source: bytes, port: i64, zone: i64, now: float) -> bool:
        """Whether a packet from this source may be the expected one. Only who may be anybody is met from inside."""
        if self.deadline <= now or (self.peer_port != 0 and self.peer_port != port):
            return False
        if self.peer:
            return self.peer == source and zone == self.zone
        return zone == self.zone or zone == self.zone_inside

    def same(self, other: Expectation) -> bool:
        """Whether both wait for the same connection of the same master."""
        if self.master is not other.master or self.place != other.place:
            return False
        return self.peer == other.peer and self.peer_port == other.peer_port


class Expectations:
    """All that wait. `waiting` is empty while nothing does: the one thing to ask about a packet of no connection."""

    def __init__(self) -> None:
        self.waiting: dict[bytes, list[Expectation]] = {}
        self.count: i64 = 0
        self.created: i64 = 0
        self.met: i64 = 0
        self.expired: i64 = 0
        self.refused: i64 = 0  # what helpers found and nobody opened
        self._masters: dict[int, list[Expectation]] = {}  # by Connection.identity, oldest first
        self._soonest = float("inf")

    def find(self, place: bytes, source: bytes, port: i64, zone: i64, now: float) -> Expectation | None:
        """The first that admits a packet which arrives at a place from a source."""
        for expectation in self.waiting.get(place, []):
            if expectation.admits(source, port, zone, now):
                return expectation
        return None

    def of(self, master: Connection) -> list[Expectation]:
        """Those of one connection, oldest first."""
        return list(self._masters.get(int(master.identity), []))

    def all(self) -> list[Expectation]:
        """Every one that waits."""
        return [expectation for family in self._masters.values() for expectation in family]

    def outdone(self, new: Expectation, most: int) -> list[Expectation]:
        """Which must go before a new one comes: its equal, or the oldest of its kind beyond the limit."""
        family = self._masters.get(int(new.master.identity), [])
        for old in family:
            if old.same(new):
                return [old]
        alike = [old for old in family if old.kind == new.kind]
        return alike[: max(0, len(alike) - most + 1)]

    def add(self, new: Expectation) -> bool:
        """Lets one wait, whose rivals are gone already; False where too many wait."""
        if self.count >= MOST or len(self.waiting.get(new.place, [])) >= MOST_AT_A_PLACE:
            return False
        self._masters.setdefault(int(new.master.identity), []).append(new)
        self.waiting.setdefault(new.place, []).append(new)
        self._soonest = min(self._soonest, new.deadline)
        self.count += 1
        self.created += 1
        return True

    def remove(self, one: Expectation) -> None:
        """Takes one out, if it still waits."""
        family = self._masters.get(int(one.master.identity), [])
        if one not in family:
            return
        family.remove(one)
        if not family:
            del self._masters[int(one.master.identity)]
        here = self.waiting[one.place]
        here.remove(one)
        if not here:
            del self.waiting[one.place]
        self.count -= 1

    def renew(self, one: Expectation, deadline: float) -> None:
        """Lets one wait until another time."""
        one.deadline = deadline
        self._soonest = min(self._soonest, deadline)

    def due(self, now: float) -> list[Expectation]:
        """Those whose time is up; they wait until removed."""
        if now < self._soonest:
            return []
        everyone = self.all()
        self._soonest = min([one.deadline for one in everyone if one.deadline > now], default=float("inf"))
        return [one for one in everyone if one.deadline <= now]

    def next_due(self) -> float:
        """When `due` may have something; infinity while nothing waits."""
        return self._soonest if self.count else float("inf")


def place_of(key: bytes) -> bytes:
    """Where a key's packets arrive: protocol, space, destination address, destination port."""
    size: i64 = 4 if len(key) == 14 else 16
    at = 2 + 2 * size
    return key[:2] + key[2 + size : at] + key[at + 2 :]


def place(protocol: i64, space: i64, address: bytes, port: i64) -> bytes:
    """The same, from its parts."""
    return bytes((int(protocol), int(space))) + address + bytes((int(port >> 8), int(port & 0xFF)))
