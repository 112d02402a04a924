"""Metrics of the fast path: packets, punts, connections, room.

Lives here: its figures as families. May not live here: where they come from (service/fastpath.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.core import InfoMetricFamily
from prometheus_client.registry import Collector

from conntrack.gateway.fastpath import punts
from conntrack.gateway.fastpath.figures import Figures
from conntrack.service.metrics.families import PREFIX, counter, gauge, plain_counter, plain_gauge


class FastPathFigures(Protocol):
    """What the fast path tells of itself."""

    def punts(self) -> list[int] | None:
        """Packets by the numbers of gateway/fastpath/punts.py; None: there is no fast path."""

    def figures(self) -> Figures:
        """What the manager counts."""

    def fill(self) -> tuple[int, int]:
        """Connections in the maps, and how many fit."""

    def paths(self) -> tuple[int, int]:
        """Connections in the fast path, and others."""

    def share(self) -> float:
        """Of all packets of connections, those that the fast path forwarded, 0 to 1."""

    def tag(self) -> str:
        """The program's version."""


class FastPathCollector(Collector):
    """Reads plain integers, and one small map."""

    def __init__(self, source: FastPathFigures) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """Called at every scrape."""
        counts = self._source.punts()
        yield plain_gauge("fastpath_active", "Whether established connections bypass the daemon.", counts is not None)
        if counts is None:
            return
        yield InfoMetricFamily(PREFIX + "fastpath_program", "The loaded program.", value={"tag": self._source.tag()})
        text = "Packets that the fast path forwarded."
        yield plain_counter("fastpath_packets", text, counts[punts.FORWARDED])
        text = "Of these, packets that were forwarded by XDP."
        yield plain_counter("fastpath_xdp_packets", text, counts[punts.AT_DRIVER])
        text = "Share of packets that it forwarded, of all since the daemon began; 0 to 1."
        yield plain_gauge("fastpath_share", text, self._source.share())
        rows = [((punts.name(number),), counts[number]) for number in sorted(punts.PUNTS) if number != punts.FORWARDED]
        yield counter("fastpath_punts", "Packets that it left to the daemon, by reason.", ("reason",), rows)
        connections, room = self._source.fill()
        rows = [(("used",), connections), (("limit",), room)]
        yield gauge("fastpath_connections", "Connections in the fast path's maps, and how many fit.", ("what",), rows)
        rows = list(zip((("fast",), ("slow",)), self._source.paths(), strict=True))
        yield gauge("connections_by_path", "Tracked connections, by the path of their packets.", ("path",), rows)
        yield from self._figures()

    def _figures(self) -> Iterator[Metric]:
        figures = self._source.figures()
        yield plain_counter("fastpath_offers", "Connections put into the fast path.", figures.offered)
        yield plain_counter("fastpath_recalls", "Connections taken back, for whatever reason.", figures.recalled)
        rows = [(("no-way",), figures.no_way), (("full",), figures.full)]
        yield counter("fastpath_declined", "Offers that were not taken, by reason.", ("reason",), rows)
        text = "Connections taken back because their route changed."
        yield plain_counter("fastpath_invalidated", text, figures.invalidated)
        yield plain_counter("fastpath_failures", "System calls that failed.", figures.failures)
