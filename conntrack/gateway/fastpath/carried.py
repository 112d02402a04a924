"""What is remembered of one connection that the fast path carries.

Lives here: the record, and what a reading of the maps adds to the connection. May not live here: maps (manager.py).
"""

from __future__ import annotations

from typing import Final, final

from mypy_extensions import i32, i64, mypyc_attr

from conntrack.engine.counters import Counters
from conntrack.flow.connection import Connection, Direction
from conntrack.gateway.fastpath import coarse
from conntrack.gateway.fastpath.handover import restore, state_of
from conntrack.gateway.fastpath.joining import joined
from conntrack.gateway.fastpath.nexthops import Way
from conntrack.tracker.base import Tracker

_MASK: Final = 0xFFFF_FFFF
_OLDER: Final = 0x8000_0000


class Side:
    """One direction: its way, and how much of what its entry has counted the direction's counters know."""

    __slots__ = ("direction", "octets", "packets", "way")

    def __init__(self, direction: Direction, way: Way) -> None:
        self.direction = direction
        self.way = way
        self.packets: i64 = direction.packets  # entries begin with what was counted before
        self.octets: i64 = direction.octets

    def settle(self, packets: i64, octets: i64) -> None:
        """Tells the direction what its entry has counted by now."""
        self.direction.packets += packets - self.packets
        self.direction.octets += octets - self.octets
        self.packets = packets
        self.octets = octets


@final
@mypyc_attr(acyclic=True)
class Carried:
    """One connection.

    A sweep reads and writes what comes first here, and nothing of the connection itself: what it costs is memory that
    is in no cache. Whoever wants to see the connection has it settled before (Returns.refresh, Returns.take_back).

    owner: Connection.identity, 32 bits of it; packets and octets of each direction, and the latest packet's time in
    ticks, by the readings until now, no matter how many bits entries have; pair, reply_pair: of zones, by the numbering
    of Counters that they were looked up with.
    state: the TCP state that it was offered with; moved: there were packets since the connection was settled; touched:
    packets that had waited in the queue were judged after the offer (Offload.overtaken), so the connection's own
    windows have moved as well; slot: as Flow.slot; links: XDP's numbers of both ways (hops.py).
    """

    def __init__(self, connection: Connection, ways: tuple[Way, Way], state: bytes, now: float) -> None:
        self.packets: i64 = connection.original.packets
        self.octets: i64 = connection.original.octets
        self.reply_packets: i64 = connection.reply.packets
        self.reply_octets: i64 = connection.reply.octets
        self.seen: i64 = 0
        self.pair: i32 = 0
        self.reply_pair: i32 = 0
        self.numbering: i32 = -1
        # after these, so that whoever asks for it has the memory of all fetched
        self.owner: i64 = connection.identity & _MASK
        self.moved = False
        self.touched = False
        self.slot: i64 = 0
        self.connection = connection
        self.original = Side(connection.original, ways[0])
        self.reply = Side(connection.reply, ways[1])
        self.offered = now
        self.state = state
        self.links = (0, 0)

    def read(self, packets: i64, octets: i64, seen: i64) -> i64:
        """Takes a reading of the original direction in; returns how many packets are new: none in an older one.

        packets: 32 bits of them. Right for fewer than 2³¹ since the last: sweeps (service/running.py) are 10 s apart.
        """
        more: i64 = packets - self.packets & _MASK
        if more == 0 or more >= _OLDER:
            return 0
        self.packets += more
        self.octets = octets
        self.moved = True
        if seen > self.seen:
            self.seen = seen
        return more

    def read_reply(self, packets: i64, octets: i64, seen: i64) -> i64:
        """The same of the reply direction."""
        more: i64 = packets - self.reply_packets & _MASK
        if more == 0 or more >= _OLDER:
            return 0
        self.reply_packets += more
        self.reply_octets = octets
        self.moved = True
        if seen > self.seen:
            self.seen = seen
        return more

    def number(self, counters: Counters) -> None:
        """Looks the zone pairs up."""
        connection = self.connection
        zone_in, zone_out = i64(connection.zone_in), i64(connection.zone_out)
        self.pair = i32(counters.pair(zone_in, zone_out))
        self.reply_pair = i32(counters.pair(zone_out, zone_in))
        self.numbering = i32(counters.numbering)

    def settle(self, tracker: Tracker) -> None:
        """Tells the connection all that was read, and sets the deadline as its latest packet would have set it."""
        if not self.moved:
            return
        self.moved = False
        self.original.settle(self.packets, self.octets)
        self.reply.settle(self.reply_packets, self.reply_octets)
        connection = self.connection
        connection.seen = max(connection.seen, coarse.seconds(self.seen))
        connection.nominal = tracker.reckon(connection, connection.seen)
        connection.deadline = connection.seen + connection.nominal
        self.seen = 0

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
