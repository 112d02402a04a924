"""The connection table: two keys a connection, one for each direction.

Lives here: finding, inserting, removing, limits and their counts. May not live here: protocols, policy, NAT,
or whom to tell of an ending (engine/).
"""

from __future__ import annotations

from collections.abc import Iterator

from mypy_extensions import i64

from conntrack.flow.connection import CROSSES, DYING, HAIRPIN, NAT64, Connection, Direction
from conntrack.flow.eviction import Eviction
from conntrack.flow.pair import source_of
from conntrack.flow.wheel import Wheel
from conntrack.packet import reason
from conntrack.packet.header import ICMP, ICMPV6
from conntrack.packet.prefix64 import STAND_IN

#: a population row has room for this many states
STATES = 16


class Table:
    """Socket pairs → connections. Limits of 0 mean no limit."""

    def __init__(self, limit: int = 262144, per_source: int = 0) -> None:
        self.directions: dict[bytes, Direction] = {}
        self.halves: dict[bytes, Direction] = {}  # packets that cross the queue twice, between their two crossings
        self.limit = limit
        self.wheel = Wheel()
        self.eviction = Eviction()
        self.population: dict[int, list[int]] = {}  # protocol → connections by state number
        self.created: i64 = 0
        self._per_source = 0
        self._sources: dict[bytes, int] = {}
        self.limit_sources(per_source)

    def __len__(self) -> int:
        return len(self.directions) // 2

    def connections(self) -> Iterator[Connection]:
        """All connections, oldest first. The table must not change meanwhile; use `snapshot` where it may."""
        for direction in self.directions.values():
            if direction.original:
                yield direction.connection

    def snapshot(self) -> list[Connection]:
        """The connections as they are now; one that ends meanwhile has DYING in its status."""
        return [direction.connection for direction in self.directions.values() if direction.original]

    def limit_sources(self, per_source: int) -> None:
        """Sets how many connections one source address may hold; counts anew when the limit begins."""
        if per_source and not self._per_source:
            self._sources = {}
            for connection in self.connections():
                self._count_source(connection.original.key, 1)
        elif not per_source:
            self._sources = {}
        self._per_source = per_source

    def room(self, original: bytes) -> i64:
        """Whether a new connection with this original key would fit: 0 or the reason why not.

        TABLE_FULL leaves it to the caller to end `eviction.victim()` and to ask again.
        """
        if self._per_source and self._sources.get(_counted(original), 0) >= self._per_source:
            return reason.SOURCE_LIMIT
        if self.limit and len(self) >= self.limit:
            return reason.TABLE_FULL
        return reason.OK

    def insert(self, connection: Connection) -> bool:
        """Inserts a connection whose state and deadline are set; False if one of its keys is taken.

        A socket that speaks with itself (the LAND attack: source and destination are one) has no two directions.
        """
        original = connection.original
        reply = connection.reply
        directions = self.directions
        if original.key in directions or reply.key in directions or original.key == reply.key:
            return False
        directions[original.key] = original
        directions[reply.key] = reply
        self.created += 1
        if self._per_source:
            self._count_source(original.key, 1)
        self._count_state(connection.protocol, connection.state, 1)
        self.eviction.place(connection)
        self.wheel.file(connection)
        return True

    def remove(self, connection: Connection) -> None:
        """Removes a connection and cuts its circle of references; its directions are dead afterwards."""
        original = connection.original
        reply = connection.reply
        del self.directions[original.key]
        self.directions.pop(reply.key, None)
        if connection.status & (HAIRPIN | NAT64):
            self.halves.pop(half_key(original), None)
            self.halves.pop(half_key(reply), None)
        if self._per_source:
            self._count_source(original.key, -1)
        self._count_state(connection.protocol, connection.state, -1)
        self.eviction.remove(connection)
        self.wheel.remove(connection)
        connection.status |= DYING
        original.cut()
        reply.cut()

    def moved(self, connection: Connection, before: i64) -> None:
        """Notes that a connection's state changed from `before`."""
        self._count_state(connection.protocol, before, -1)
        self._count_state(connection.protocol, connection.state, 1)

    def sources(self) -> dict[bytes, int]:
        """Connections by source address; empty while no limit asks for the count."""
        return self._sources

    def _count_state(self, protocol: i64, state: i64, change: i64) -> None:
        row = self.population.get(int(protocol))
        if row is None:
            row = [0] * STATES
            self.population[int(protocol)] = row
        row[state] += int(change)

    def _count_source(self, original: bytes, change: i64) -> None:
        source = _counted(original)
        count = self._sources.get(source, 0) + int(change)
        if count:
            self._sources[source] = count
        else:
            del self._sources[source]


def _counted(key: bytes) -> bytes:
    """What a source is counted as: its address, with its address space where that is not the usual one."""
    return key[1:2] + source_of(key) if key[1] else source_of(key)


def half_key(direction: Direction) -> bytes:
    """The key of a hairpin packet whose destination is rewritten and whose source is not yet.

    An ICMP identifier belongs to the client's address: it changes with the source in the original direction
    and with the destination in the reply direction, as in the kernel. NAT64: an IPv4 packet just made, with a
    stand-in for its source; there are none of the reply direction (b"").
    """
    if direction.rewrites == CROSSES:
        if not direction.original:
            return b""
        return direction.peer.key[:2] + STAND_IN + direction.translated[4:]
    return direction.key[:2] + half_pair(direction)


def half_pair(direction: Direction) -> bytes:
    """The socket pair (Packet.pair's layout) of such a packet."""
    pair = direction.key[2:]
    translated = direction.translated
    size: i64 = 4 if len(pair) == 12 else 16
    ports = 2 * size
    protocol = direction.key[0]
    near = pair
    if (protocol == ICMP or protocol == ICMPV6) and not direction.original:
        near = translated
    return pair[:size] + translated[size:ports] + near[ports : ports + 2] + translated[ports + 2 :]
