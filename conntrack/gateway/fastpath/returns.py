"""What connections have done in the fast path: on their way back, and in readings meanwhile.

Lives here: from the maps to the connections' counters, windows and deadlines. May not live here: when (manager.py),
maps (maps.py), what a reading means (carried.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mypy_extensions import i64

from conntrack.engine.core import Engine
from conntrack.gateway.fastpath import coarse, layout, readings
from conntrack.gateway.fastpath.carried import Carried
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.figures import Figures
from conntrack.gateway.fastpath.maps import FlowMaps
from conntrack.packet.header import TCP

#: entries that one step of a sweep reads: well under two milliseconds, all of them seen since the last
CHUNK: Final = 1024
#: seconds between a packet and the time in its entry, and much more: the program's clock is a coarse one
_LATE: Final = 1.0


class Returns:
    """Over the maps of one program. carried: the manager's own dictionary."""

    def __init__(self, engine: Engine, maps: FlowMaps, figures: Figures, carried: dict[int, Carried]) -> None:
        self._engine = engine
        self._maps = maps
        self._figures = figures
        self._carried = carried
        self._trackers = engine.trackers.by_number
        self._swept = 0.0  # when the last whole sweep began; 0: there was none

    def take_back(self, records: list[Carried], now: float) -> None:
        """Removes entries and tells their connections what they knew."""
        pairs = [(one.connection.original.key, one.connection.reply.key) for one in records]
        try:
            found = self._maps.recall_many(pairs)
        except FastPathError as error:
            self._figures.failed(error)
            return
        counters = self._engine.counters
        for record, recalled in zip(records, found, strict=True):
            if recalled is None:
                continue
            record.read(False, *recalled.original, counters, now)
            record.read(True, *recalled.reply, counters, now)
            record.take(recalled.state)
            self.reckon(record)

    def refresh(self, record: Carried, now: float) -> None:
        """Brings one connection up to date; it stays carried."""
        connection = record.connection
        try:
            there = self._maps.look(connection.original.key)
            back = self._maps.look(connection.reply.key)
            state = self._maps.state(there.slot) if there is not None and connection.protocol == TCP else b""
        except FastPathError as error:
            self._figures.failed(error)
            return
        counters = self._engine.counters
        if there is not None and back is not None:
            record.read(False, there.packets, there.octets, there.last_seen, counters, now)
            record.read(True, back.packets, back.octets, back.last_seen, counters, now)
            if not record.touched:
                record.take(state)
            self.reckon(record)

    def sweep(self, now: float) -> Iterator[None]:
        """Brings all that has been seen since the last sweep up to date, a batch of entries at each step."""
        since = coarse.ticks(self._swept - _LATE) if self._swept else readings.ALL
        for values, size in self._maps.readings(CHUNK):
            self._read(values, size, since, now)
            yield
        self._swept = max(self._swept, now)

    def _read(self, values: bytes, size: i64, since: i64, now: float) -> None:
        counters = self._engine.counters
        carried = self._carried
        length: i64 = len(values)
        entry: i64 = 0
        while entry < length:
            if readings.is_fresh(values, entry, since):
                record = carried.get(int(readings.owner(values, entry)))
                if record is not None:
                    record.read(
                        readings.flags(values, entry) & layout.REPLY != 0,
                        readings.packets(values, entry),
                        readings.octets(values, entry),
                        readings.last_seen(values, entry),
                        counters,
                        now,
                    )
            entry += size

    def reckon(self, record: Carried) -> None:
        """Files the connection by the deadline that its latest packet gave it."""
        connection = record.connection
        table = self._engine.table
        record.reckon(self._trackers[connection.protocol])
        table.eviction.place(connection)
        if connection.deadline < connection.due - 1.0:
            table.wheel.refile(connection)
