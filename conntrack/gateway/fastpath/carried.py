"""What is remembered of one connection that the fast path carries.

Lives here: the record, and what a reading of the maps adds to the connection. May not live here: maps (manager.py).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.counters import Counters
from conntrack.flow.connection import Connection, Direction
from conntrack.gateway.fastpath.coarse import seconds_since
from conntrack.gateway.fastpath.handover import restore, state_of
from conntrack.gateway.fastpath.joining import joined
from conntrack.gateway.fastpath.nexthops import Way
from conntrack.tracker.base import Tracker

_MASK: Final = 0xFFFF_FFFF


class Side:
    """One direction: its way, and what its entry had counted when it was last read (of packets, 32 bits)."""

    __slots__ = ("direction", "octets", "packets", "way")

    def __init__(self, direction: Direction, way: Way) -> None:
        self.direction = direction
        self.way = way
        self.packets: i64 = direction.packets & _MASK  # entries begin with what was counted before
        self.octets: i64 = direction.octets

    def more(self, packets: i64) -> i64:
        """How many packets are new: none where the reading is an older one.

        Right for fewer than 2³¹ of them: the sweeps of service/fastpath.py are seconds apart.
        """
        more: i64 = packets - self.packets & _MASK
        return more if more < 0x8000_0000 else 0

    def read(self, packets: i64, more: i64, octets: i64, counters: Counters, pair: i64) -> None:
        """Adds what is new to the direction's counters and to the zone pair's."""
        size: i64 = octets - self.octets
        self.packets = packets
        self.octets = octets
        self.direction.packets += more
        self.direction.octets += size
        counters.accepted_packets[pair] += int(more)
        counters.accepted_octets[pair] += int(size)


class Carried:
    """One connection.

    state: the TCP state that it was offered with; touched: packets that had waited in the queue were judged after that
    (Offload.overtaken), so the connection's own windows have moved as well; moved: packets have passed that the
    deadline does not know of; links: XDP's numbers of both ways (hops.py).
    """

    __slots__ = ("connection", "links", "moved", "offered", "original", "reply", "state", "touched")

    def __init__(self, connection: Connection, ways: tuple[Way, Way], state: bytes, now: float) -> None:
        self.connection = connection
        self.original = Side(connection.original, ways[0])
        self.reply = Side(connection.reply, ways[1])
        self.offered = now
        self.touched = False
        self.moved = False
        self.state = state
        self.links = (0, 0)

    def read(self, reply: bool, packets: i64, octets: i64, last_seen: i64, counters: Counters, now: float) -> None:
        """Takes a reading of one direction in; the deadline is left to `reckon`."""
        side = self.reply if reply else self.original
        more = side.more(packets)
        if more == 0:
            return
        connection = self.connection
        zone_in, zone_out = i64(connection.zone_in), i64(connection.zone_out)
        pair: i64 = counters.pair(zone_out, zone_in) if reply else counters.pair(zone_in, zone_out)
        side.read(packets, more, octets, counters, pair)
        self.moved = True
        connection.seen = max(connection.seen, now - seconds_since(last_seen, now))

    def reckon(self, tracker: Tracker) -> None:
        """Sets the deadline as the latest packet would have set it; without any, what the tracker set holds."""
        if not self.moved:
            return
        self.moved = False
        connection = self.connection
        connection.nominal = tracker.reckon(connection, connection.seen)
        connection.deadline = connection.seen + connection.nominal

    def take(self, state: bytes) -> None:
        """Gives the connection the windows that its packets have left in the fast path."""
        if state and self.touched:
            state = joined(state, state_of(self.connection), self.state)
        if state:
            restore(state, self.connection)


def leaves(direction: Direction) -> bytes:
    """The pair that packets of a direction leave with."""
    return direction.translated or direction.key[2:]


def destination(direction: Direction) -> bytes:
    """The address that packets of a direction leave for."""
    pair = leaves(direction)
    return pair[4:8] if len(pair) == 12 else pair[16:32]
