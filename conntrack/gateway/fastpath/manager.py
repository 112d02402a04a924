"""The carrier: which connections the fast path has, how they get there and back.

Lives here: engine.offload.Offload over the maps. May not live here: maps (maps.py), what goes into them (offers.py),
what comes out (returns.py), when ways or rules change (invalidate.py), asyncio.

An offer is only noted, and goes into the maps after the turn of packets that made it (`flush`): by then the verdicts of
that turn are sent, so that fewer packets are overtaken, and many offers go in at once. Packets that wait in the queue
at that moment come to the engine later than those that the fast path takes from then on; for GRACE seconds they are not
mistaken for packets that the fast path did not want.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from conntrack.engine.core import Engine
from conntrack.engine.offload import Offload
from conntrack.flow.connection import OFFLOADED, Connection
from conntrack.gateway.fastpath.carried import Carried
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.figures import Figures
from conntrack.gateway.fastpath.holds import NO_WAY, Holds
from conntrack.gateway.fastpath.hops import Hops
from conntrack.gateway.fastpath.maps import FlowMaps
from conntrack.gateway.fastpath.nexthops import Ways
from conntrack.gateway.fastpath.offers import Offers, Prepared
from conntrack.gateway.fastpath.returns import Returns
from conntrack.packet.header import TCP

#: seconds in which packets of a connection that was just offered may still be waiting in the queue
GRACE: Final = 0.2
#: packets of both directions before it is worth it: a short exchange is over sooner
MATURE_TCP: Final = 8
MATURE: Final = 4
#: offers that one flush puts in, about 3 ms of work: as many as a turn of packets can make
FLUSH: Final = 512
_MOST_WAITING: Final = 4096
_MASK: Final = 0xFFFF_FFFF


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
        self.holds = Holds()
        #: by Connection.identity, 32 bits of it, as entries have it
        self.carried: dict[int, Carried] = {}
        self._offers = Offers(engine, self.holds, self.figures, maps.generation() or 1)
        self._returns = Returns(engine, maps, self.figures)
        self._maps = maps
        self._capacity = capacity
        self._soon = soon
        self._clock = clock
        self._waiting: dict[int, Connection] = {}
        self._astray: dict[int, Carried] = {}  # in the maps with windows that lack packets which had waited
        self._planned = False

    @property
    def ways(self) -> Ways:
        """The ways in force."""
        return self._offers.ways

    @ways.setter
    def ways(self, ways: Ways) -> None:
        self._offers.ways = ways

    def send_by(self, hops: Hops | None) -> None:
        """Has XDP carry what is offered from now on, by these ways; None: no more."""
        self._offers.hops = hops

    def carries(self, record: Carried) -> bool:
        """Whether this record is of what is in the maps now: its connection may have come back, and gone in anew."""
        return self.carried.get(int(record.owner)) is record

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
            self._astray[int(record.owner)] = record
            self._plan()
        return True

    def recall(self, connection: Connection, now: float) -> None:
        """See Offload."""
        self.recall_many([connection], now)
        self.holds.longer(connection, now)

    def refresh(self, connections: list[Connection], now: float) -> None:
        """See Offload."""
        records: list[Carried] = []
        for connection in connections:
            record = self.carried.get(int(connection.identity) & _MASK)
            if record is not None:
                records.append(record)
        if records:
            self._returns.refresh(records, now)

    def release(self, connections: list[Connection], now: float) -> None:
        """See Offload."""
        self.recall_many(connections, now)

    def flush(self) -> None:
        """Puts noted offers into the maps, and those whose windows have gone two ways once more."""
        now = self._clock()
        self._planned = False
        batch = self._once_more(now)
        waiting = self._waiting
        while waiting and len(batch) < FLUSH:
            connection = waiting.pop(next(iter(waiting)))
            prepared = self._offers.prepare(connection, now)
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
            self._returns.take_back(records, now)
            self._offers.dropped(records)

    def sweep(self, now: float) -> Iterator[None]:
        """Has the zone pairs' counters know all that was seen since the last sweep, a few connections at each step."""
        return self._returns.sweep(now)

    def take_over(self, record: Carried, slot: int, links: tuple[int, int] = (0, 0)) -> None:
        """Adds a connection whose entries an earlier process has put in, with this Flow.slot and these Flow.links."""
        self._offers.claimed(record, links)
        connection = record.connection
        connection.status |= OFFLOADED
        record.moved = True
        self._returns.expect(record, slot)
        self._returns.settle(record)
        self.carried[int(record.owner)] = record

    def in_zones(self, record: Carried) -> bool:
        """Whether a connection's ways still lead from and to its zones."""
        return self._offers.in_zones(record.connection, record.original.way, record.reply.way)

    def renew(self, now: float) -> None:
        """Other rules are in force."""
        self._offers.renewed = now

    def start(self) -> None:
        """Lets the program forward."""
        self._maps.set_generation(self._offers.generation)

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
            del self.carried[int(record.owner)]
        if records:
            self._returns.take_back(records, now)
            self._offers.dropped(records)
        for record in records:
            prepared = self._offers.prepare(record.connection, now)
            if prepared is not None:
                prepared.record.offered = record.offered
                batch.append(prepared)
        return batch

    def _insert(self, batch: list[Prepared], now: float) -> None:
        count = 0
        room = self._capacity - len(self.carried)
        if room > 0:
            try:
                count = self._maps.insert_many([one.offer for one in batch[:room]])
            except FastPathError as error:
                self.figures.failed(error)
        for record, offer in batch[:count]:
            record.connection.status |= OFFLOADED
            self._returns.expect(record, offer.original.slot)
            self.carried[int(record.owner)] = record
        for record, _ in batch[count:]:
            self.holds.hold(record.connection, now, NO_WAY)
        self._offers.dropped(record for record, _ in batch[count:])
        self.figures.offered += count
        self.figures.full += len(batch) - count
