"""Metrics of the engine: connections, packets, drops.

Lives here: the engine's counters as families, read when Prometheus asks. May not live here: rules and NAT (rules.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.registry import Collector

from conntrack.engine.core import Engine
from conntrack.flow.ending import ENDINGS
from conntrack.packet.reason import OK, REASONS
from conntrack.service.metrics.families import Row, counter, gauge, plain_counter, plain_gauge
from conntrack.service.names import protocol_name

#: the label of packets that came from, or would have left by, no zone
NO_ZONE_LABEL = "none"


class TrafficCollector(Collector):
    """Reads plain integers: nothing is kept here between scrapes."""

    def __init__(self, engine: Engine, state_name: Callable[[int, int], str]) -> None:
        self._engine = engine
        self._state_name = state_name

    def collect(self) -> Iterator[Metric]:
        """Called at every scrape."""
        engine = self._engine
        table = engine.table
        yield gauge("connections", "Connections in the table.", ("protocol", "state"), self._population())
        yield plain_gauge("connections_limit", "Most connections that the table may hold; 0: no limit.", table.limit)
        yield plain_counter("connections_created", "Connections that entered the table.", int(table.created))
        ended = zip(ENDINGS, engine.counters.ended, strict=True)
        rows: Iterator[Row] = (((name,), count) for (name, _meaning), count in ended)
        yield counter("connections_closed", "Connections that left the table, by reason.", ("reason",), rows)
        yield plain_gauge(
            "expectations",
            "Connections that helpers foresee and that have not come yet.",
            int(engine.expectations.count),
        )
        yield counter("expectation_events", "What became of them.", ("event",), self._expectations())
        yield from self._packets()
        yield counter("dropped_packets", "Packets that were not passed, by reason.", ("reason",), self._reasons())

    def _population(self) -> Iterator[Row]:
        for protocol, row in sorted(self._engine.table.population.items()):
            for state, count in enumerate(row):
                name = self._state_name(protocol, state)
                if count or name:
                    yield (protocol_name(protocol), name.lower()), count

    def _expectations(self) -> Iterator[Row]:
        found = self._engine.expectations
        yield ("created",), int(found.created)
        yield ("met",), int(found.met)
        yield ("expired",), int(found.expired)
        yield ("refused",), int(found.refused)

    def _packets(self) -> Iterator[Metric]:
        counters = self._engine.counters
        packets = [
            ("accept", counters.accepted_packets),
            ("drop", counters.dropped_packets),
            ("reject", counters.rejected_packets),
        ]
        octets = [
            ("accept", counters.accepted_octets),
            ("drop", counters.dropped_octets),
            ("reject", counters.rejected_octets),
        ]
        labels = ("verdict", "from_zone", "to_zone")
        yield counter("packets", "Packets judged, by verdict and zone pair.", labels, self._by_pair(packets))
        yield counter(
            "bytes", "Bytes of the IP packets judged, by verdict and zone pair.", labels, self._by_pair(octets)
        )

    def _by_pair(self, verdicts: list[tuple[str, list[int]]]) -> Iterator[Row]:
        for verdict, counts in verdicts:
            for index, count in enumerate(counts):
                if count:
                    zone_in, zone_out = self._engine.counters.pair_of(index)
                    yield (verdict, self._zone(zone_in), self._zone(zone_out)), count

    def _reasons(self) -> Iterator[Row]:
        counts = self._engine.counters.reasons
        for number, (name, _meaning) in REASONS.items():
            if number != OK:
                yield (name,), counts[number]

    def _zone(self, number: int) -> str:
        zones = self._engine.policy.zones
        return zones[number].name if 0 <= number < len(zones) else NO_ZONE_LABEL
