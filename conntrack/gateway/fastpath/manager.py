"""The carrier: which connections the fast path has, how they get there and back.

Lives here: engine.offload.Offload over the maps. May not live here: maps (maps.py), routes (nexthops.py), what a
reading means (carried.py), when ways or rules change (invalidate.py), asyncio.

An offer is only noted, and goes into the maps after the turn of packets that made it (`flush`): by then the verdicts of
that turn are sent, so that fewer packets are overtaken, and many offers go in at once. Packets that wait in the queue
at that moment come to the engine later than those that the fast path takes from then on; for GRACE seconds they are not
mistaken for packets that the fast path did not want.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from conntrack.engine.core import Engine
from conntrack.engine.offload import Offload, may_carry
from conntrack.flow.connection import DYING, OFFLOADED, Connection
from conntrack.gateway.fastpath import layout
from conntrack.gateway.fastpath.carried import Carried, destination, leaves
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.handover import state_of
from conntrack.gateway.fastpath.holds import FOREVER, NO_WAY, Holds
from conntrack.gateway.fastpath.maps import FlowMaps, Offer
from conntrack.gateway.fastpath.nexthops import Way, Ways
from conntrack.packet.header import ICMP, ICMPV6, TCP

#: seconds in which packets of a connection that was just offered may still be waiting in the queue
GRACE: Final = 0.2
#: packets of both directions before it is worth it: a short exchange is over sooner
MATURE_TCP: Final = 8
MATURE: Final = 4
#: offers that one flush puts in, about 3 ms of work; as many again may wait for the next
FLUSH: Final = 200
_MOST_WAITING: Final = 4096
_MASK: Final = 0xFFFF_FFFF
_ECHO: Final = (8, 128)  # requests, of ICMP and ICMPv6

logger = logging.getLogger("pairwall.fastpath")


class Figures:
    """What the manager counts."""

    def __init__(self) -> None:
        self.offered = 0
        self.recalled = 0
        self.no_way = 0  # offers without a route, or by an interface that the fast path does not stand at
        self.full = 0  # offers that the maps had no room for
        self.invalidated = 0  # recalled because their way changed
        self.failures = 0  # of system calls


class Prepared(NamedTuple):
    """A connection on its way in."""

    record: Carried
    offer: Offer


class Manager(Offload):
    """See Offload. `soon` has a function called after the packets of this turn; `clock` is the engine's."""

    def __init__(
        self,
        engine: Engine,
        maps: FlowMaps,
        capacity: int,
        soon: Callable[[Callable[[], None]], object],
        clock: Callable[[], float],
    ) -> None:
        self.figures = Figures()
        self.ways = Ways()
        self.holds = Holds()
        #: by Connection.identity, 32 bits of it, as entries have it
        self.carried: dict[int, Carried] = {}
        self._engine = engine
        self._maps = maps
        self._capacity = capacity
        self._soon = soon
        self._clock = clock
        self._trackers = engine.trackers.by_number
        self._waiting: dict[int, Connection] = {}
        self._astray: dict[int, Carried] = {}  # in the maps with windows that lack packets which had waited
        self._planned = False
        self._generation = maps.generation() or 1
        self._liberal = bool(engine.policy.settings.liberal)

    # Offload

    def offer(self, connection: Connection, now: float) -> None:
        """See Offload: notes it."""
        seen = connection.original.packets + connection.reply.packets
        if seen < (MATURE_TCP if connection.protocol == TCP else MATURE) or len(self._waiting) >= _MOST_WAITING:
            return
        if self.holds.holds(connection, now):
            return
        self._waiting[int(connection.identity)] = connection
        self._plan()

    def overtaken(self, connection: Connection, now: float) -> bool:
        """See Offload."""
        record = self.carried.get(int(connection.identity) & _MASK)
        if record is None or now - record.offered > GRACE:
            return False
        if connection.protocol == TCP:
            record.touched = True
            self._astray[int(connection.identity) & _MASK] = record
            self._plan()
        return True

    def recall(self, connection: Connection, now: float) -> None:
        """See Offload."""
        self.recall_many([connection], now)
        self.holds.longer(connection, now)

    def refresh(self, connections: list[Connection], now: float) -> None:
        """See Offload."""
        for connection in connections:
            record = self.carried.get(int(connection.identity) & _MASK)
            if record is not None:
                self._refresh(record, now)

    # what goes in, what comes out

    def flush(self) -> None:
        """Puts noted offers into the maps, and those whose windows have gone two ways once more."""
        now = self._clock()
        self._planned = False
        batch = self._once_more(now)
        waiting = self._waiting
        while waiting and len(batch) < FLUSH:
            connection = waiting.pop(next(iter(waiting)))
            prepared = self._prepare(connection, now)
            if prepared is not None:
                batch.append(prepared)
        if waiting:
            self._plan()
        if batch:
            self._insert(batch, now)

    def recall_many(self, connections: Iterable[Connection], now: float) -> None:
        """Gives connections back; they may be offered again at their next packet."""
        records: list[Carried] = []
        for connection in connections:
            connection.status &= ~OFFLOADED
            record = self.carried.pop(int(connection.identity) & _MASK, None)
            if record is not None:
                records.append(record)
        if records:
            self.figures.recalled += len(records)
            self._take_back(records, now)

    def _take_back(self, records: list[Carried], now: float) -> None:
        """Removes entries and tells their connections what they knew."""
        pairs = [(one.connection.original.key, one.connection.reply.key) for one in records]
        try:
            found = self._maps.recall_many(pairs)
        except FastPathError as error:
            self._failed(error, now)
            return
        counters = self._engine.counters
        for record, recalled in zip(records, found, strict=True):
            if recalled is None:
                continue
            record.read(False, *recalled.original, counters, now)
            record.read(True, *recalled.reply, counters, now)
            record.take(recalled.state)
            self._reckon(record)

    def sweep(self, now: float) -> Iterable[None]:
        """Reads all entries, a batch at each step, and brings the connections' counters and deadlines up to date."""
        counters = self._engine.counters
        known = self.carried.get
        for batch in self._maps.readings():
            for owner, flags, last_seen, packets, octets in batch:
                record = known(owner)
                if record is None:
                    continue
                reply = flags & layout.REPLY != 0
                if packets != (record.reply if reply else record.original).packets:  # most are idle at any moment
                    record.read(reply, packets, octets, last_seen, counters, now)
            yield

    def take_over(self, record: Carried) -> None:
        """Adds a connection whose entries an earlier process has put in."""
        connection = record.connection
        connection.status |= OFFLOADED
        self._reckon(record)
        self.carried[int(connection.identity) & _MASK] = record

    def set_liberal(self, liberal: bool) -> bool:
        """Sets what TCP states say from now on; whether that is something new."""
        before, self._liberal = self._liberal, liberal
        return before != liberal

    def start(self) -> None:
        """Lets the program forward."""
        self._maps.set_generation(self._generation)

    def room(self) -> int:
        """How many more connections fit."""
        return self._capacity - len(self.carried)

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            self._soon(self.flush)

    def _once_more(self, now: float) -> list[Prepared]:
        """Connections of which packets had waited go in with windows that know of these too.

        Else the program, which does not, would leave all that follows from them to the engine.
        """
        records = [record for owner, record in self._astray.items() if self.carried.get(owner) is record]
        self._astray.clear()
        batch = []
        for record in records:
            record.connection.status &= ~OFFLOADED
            del self.carried[int(record.connection.identity) & _MASK]
        if records:
            self._take_back(records, now)
        for record in records:
            prepared = self._prepare(record.connection, now)
            if prepared is not None:
                prepared.record.offered = record.offered
                batch.append(prepared)
        return batch

    def _prepare(self, connection: Connection, now: float) -> Prepared | None:
        """All that its packets will need; None: it cannot be carried now."""
        if connection.status & DYING or not may_carry(connection):
            return None
        if not is_known(connection):
            self.holds.hold(connection, now, FOREVER)
            return None
        original, reply = connection.original, connection.reply
        there = self.ways.to(destination(original))
        back = self.ways.to(destination(reply))
        if there is None or back is None or not self._in_zones(connection, there, back):
            self.figures.no_way += 1
            self.holds.hold(connection, now, NO_WAY)
            return None
        state = b""
        if connection.protocol == TCP:
            state = state_of(connection, self._liberal)
        offer = Offer(
            original.key,
            self._flow(connection, there, back.interface, False, now),
            reply.key,
            self._flow(connection, back, there.interface, True, now),
            state,
        )
        return Prepared(Carried(connection, (there, back), state, now), offer)

    def _in_zones(self, connection: Connection, there: Way, back: Way) -> bool:
        """Whether the ways lead where the rules were asked about."""
        zone_of = self._engine.topology.zone_of
        out, home = zone_of(there.interface), zone_of(back.interface)
        return int(out) == int(connection.zone_out) and int(home) == int(connection.zone_in)

    def _flow(self, connection: Connection, way: Way, inbound: int, reply: bool, now: float) -> layout.Flow:
        direction = connection.reply if reply else connection.original
        flags = layout.REPLY if reply else 0
        tos = 0
        if connection.dscp >= 0:
            flags |= layout.SET_DSCP
            tos = int(connection.dscp) << 2
        return layout.Flow(
            leaves(direction),
            way.next_hop,
            inbound,
            way.interface,
            way.mtu,
            self._generation,
            flags,
            tos,
            int(connection.mark) & _MASK,
            owner=int(connection.identity) & _MASK,
            last_seen=layout.ticks(connection.seen),
            packets=int(direction.packets),
            octets=int(direction.octets),
        )

    def _insert(self, batch: list[Prepared], now: float) -> None:
        try:
            count = self._maps.insert_many([one.offer for one in batch]) if self.room() >= len(batch) else 0
        except FastPathError as error:
            self._failed(error, now)
            count = 0
        for record, _ in batch[:count]:
            record.connection.status |= OFFLOADED
            self.carried[int(record.connection.identity) & _MASK] = record
        for record, _ in batch[count:]:
            self.holds.hold(record.connection, now, NO_WAY)
        self.figures.offered += count
        self.figures.full += len(batch) - count

    def _refresh(self, record: Carried, now: float) -> None:
        connection = record.connection
        try:
            there = self._maps.look(connection.original.key)
            back = self._maps.look(connection.reply.key)
            state = self._maps.state(there.slot) if there is not None and connection.protocol == TCP else b""
        except FastPathError as error:
            self._failed(error, now)
            return
        counters = self._engine.counters
        if there is not None and back is not None:
            record.read(False, there.packets, there.octets, there.last_seen, counters, now)
            record.read(True, back.packets, back.octets, back.last_seen, counters, now)
            if not record.touched:
                record.take(state)
            self._reckon(record)

    def _reckon(self, record: Carried) -> None:
        connection = record.connection
        table = self._engine.table
        record.reckon(self._trackers[connection.protocol])
        table.eviction.place(connection)
        if connection.deadline < connection.due - 1.0:
            table.wheel.refile(connection)

    def _failed(self, error: FastPathError, now: float) -> None:
        self.figures.failures += 1
        if self.figures.failures in (1, 10, 100) or self.figures.failures % 1000 == 0:
            logger.error("%s", error, extra={"fields": {"failures": self.figures.failures}})


def is_known(connection: Connection) -> bool:
    """Whether the program knows such packets at all: of ICMP queries only echo."""
    if connection.protocol != ICMP and connection.protocol != ICMPV6:
        return True
    return connection.original.key[-2] in _ECHO
