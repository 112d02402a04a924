"""What connections have done in the fast path: on their way back, and in readings meanwhile.

Lives here: from the maps to the connections' counters, windows and deadlines. May not live here: when (manager.py),
maps (maps.py), what a reading means (carried.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from mypy_extensions import i64

from conntrack.engine.core import Engine
from conntrack.gateway.fastpath import coarse, layout, readings
from conntrack.gateway.fastpath.carried import Carried
from conntrack.gateway.fastpath.connections import Held, Seen
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.figures import Figures
from conntrack.gateway.fastpath.maps import FlowMaps
from conntrack.gateway.fastpath.tally import Tally

#: entries that one step of a sweep reads: well under two milliseconds, all of them seen since the last
CHUNK: Final = 1024
#: seconds between a packet and the time in its entry, and much more: the program's clock is a coarse one
_LATE: Final = 1.0


class Returns:
    """Over the maps of one program."""

    def __init__(self, engine: Engine, maps: FlowMaps, figures: Figures) -> None:
        self._engine = engine
        self._maps = maps
        self._figures = figures
        self._trackers = engine.trackers.by_number
        self._swept = 0.0  # when the last whole sweep began; 0: there was none
        #: by slot, which entries hold: a sweep finds its way without looking into anything else
        self._records: list[Carried | None] = []

    def expect(self, record: Carried, slot: int) -> None:
        """Its entries are in, with this Flow.slot."""
        records = self._records
        while len(records) <= slot:
            records.append(None)
        records[slot] = record
        record.slot = slot

    def take_back(self, records: list[Carried], now: float) -> None:
        """Removes entries and tells their connections what they knew."""
        for record in records:
            self._records[record.slot] = None
        self._tell(records, self._maps.recall_many, True, now)

    def refresh(self, records: list[Carried], now: float) -> None:
        """Brings connections up to date; they stay carried."""
        self._tell(records, self._maps.read, False, now)

    def _tell(
        self, records: list[Carried], ask: Callable[[list[Held]], list[Seen | None]], taken: bool, now: float
    ) -> None:
        """Tells connections what the maps answer. What stays in keeps windows of its own that have moved."""
        try:
            found = ask([_held(record) for record in records])
        except FastPathError as error:
            self._figures.failed(error)
            found = [None] * len(records)
        moment = coarse.moment(now)
        tally = Tally(self._engine.counters)
        for record, seen in zip(records, found, strict=True):
            if seen is not None:
                learn(record, seen, moment, tally)
                if taken or not record.touched:
                    record.take(seen.state)
            self.settle(record)
        tally.close()

    def sweep(self, now: float) -> Iterator[None]:
        """Tells records and zone pairs what was seen since the last sweep, a batch of entries at each step."""
        since = coarse.ticks(self._swept - _LATE) if self._swept else readings.ALL
        for values, size in self._maps.readings(CHUNK):
            self._read(values, size, since, coarse.moment(now))
            yield
        self._swept = max(self._swept, now)

    def _read(self, values: bytes, size: i64, since: i64, now: i64) -> None:
        found = self._find(values, size, since)
        tally = Tally(self._engine.counters)
        length: i64 = len(values)
        entry: i64 = 0
        at: i64 = 0
        while entry < length:
            if readings.is_fresh(values, entry, since):
                record = found[at]
                at += 1
                if record is not None:
                    seen = coarse.seen_at(readings.last_seen(values, entry), now)
                    packets = readings.packets(values, entry)
                    octets = readings.octets(values, entry)
                    if readings.flags(values, entry) & layout.REPLY:
                        tally.reply(record, packets, octets, seen)
                    else:
                        tally.original(record, packets, octets, seen)
            entry += size
        tally.close()

    def _find(self, values: bytes, size: i64, since: i64) -> list[Carried | None]:
        """The records of the entries that are fresh, one after the other; None where somebody else's entry is left.

        By itself, because it is so little for each that the processor waits for the memory of several at once.
        """
        found: list[Carried | None] = []
        records = self._records
        room: i64 = len(records)
        length: i64 = len(values)
        entry: i64 = 0
        while entry < length:
            if readings.is_fresh(values, entry, since):
                slot = readings.slot(values, entry)
                record = records[slot] if slot < room else None
                if record is not None and record.owner != readings.owner(values, entry):
                    record = None
                found.append(record)
            entry += size
        return found

    def settle(self, record: Carried) -> None:
        """Tells the connection what its record knows, and files it by the deadline that its latest packet gave it."""
        connection = record.connection
        table = self._engine.table
        record.settle(self._trackers[connection.protocol])
        table.eviction.place(connection)
        if connection.deadline < connection.due - 1.0:
            table.wheel.refile(connection)


def learn(record: Carried, seen: Seen, now: i64, tally: Tally) -> None:
    """Takes a reading of both directions in."""
    there, back = seen.original, seen.reply
    tally.original(record, there.packets, there.octets, coarse.seen_at(there.last_seen, now))
    tally.reply(record, back.packets, back.octets, coarse.seen_at(back.last_seen, now))


def _held(record: Carried) -> Held:
    connection = record.connection
    return Held(connection.original.key, connection.reply.key, int(record.slot), int(record.owner))
