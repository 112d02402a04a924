"""Metrics of the daemon itself: queue, latency, loop, configuration, control socket.

Lives here: the daemon's own figures as families. May not live here: the engine's (traffic.py, rules.py).
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.core import HistogramMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from conntrack import __version__
from conntrack.gateway.queue.base import Tally
from conntrack.gateway.queue.stats import Stats
from conntrack.service.configuration import Configuration
from conntrack.service.latency import Histogram
from conntrack.service.loop import PacketLoop
from conntrack.service.metrics.families import PREFIX, counter, gauge, plain_counter, plain_gauge


class Sources(NamedTuple):
    """Where the figures come from."""

    loop: PacketLoop
    latency: Histogram
    configuration: Configuration
    tally: Callable[[], Tally]
    queue: Callable[[], Stats | None]  # None where the kernel does not tell
    control_requests: Callable[[], int]
    log_records_lost: Callable[[], int]
    watchers: Callable[[], int]


class HealthCollector(Collector):
    """Reads plain integers."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Called at every scrape."""
        about = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily(PREFIX + "build", "The program.", value=about)
        yield from self._tally()
        yield from self._queue()
        yield from self._loop()
        yield from self._configuration()
        sources = self._sources
        yield plain_counter("control_requests", "Requests on the control socket.", sources.control_requests())
        yield plain_gauge("watchers", "Clients that watch flows.", sources.watchers())
        lost = sources.log_records_lost()
        yield plain_counter("log_records_lost", "Log records that could not be written in time.", lost)

    def _tally(self) -> Iterator[Metric]:
        tally = self._sources.tally()
        yield plain_counter("queue_packets_taken", "Packets taken out of the queue.", int(tally.packets))
        text = "Times that the kernel threw messages away because our socket's buffer was full."
        yield plain_counter("queue_overruns", text, int(tally.overruns))
        text = "Packets dropped because the kernel did not hand over all of them."
        yield plain_counter("queue_truncated_packets", text, int(tally.truncated))
        yield plain_counter("queue_refused_verdicts", "Verdicts that the kernel did not take.", int(tally.refused))
        text = "Packets dropped because judging them failed by a fault of the program's own."
        yield plain_counter("internal_errors", text, int(tally.faults))

    def _queue(self) -> Iterator[Metric]:
        figures = self._sources.queue()
        if figures is None:
            return
        name = str(figures.number)
        text = "Packets that wait in the kernel's queue."
        yield gauge("queue_packets", text, ("queue",), [((name,), figures.depth)])
        rows = [((name, "queue-full"), figures.kernel_dropped), ((name, "socket-full"), figures.user_dropped)]
        text = "Packets that the kernel dropped because its queue was full, or the socket's buffer."
        yield counter("queue_dropped_packets", text, ("queue", "cause"), rows)

    def _loop(self) -> Iterator[Metric]:
        loop = self._sources.loop
        text = "From a packet to its verdict, without the waiting in the queue; one packet in 64 is timed."
        histogram = self._sources.latency
        yield HistogramMetricFamily(
            PREFIX + "verdict_latency_seconds", text, buckets=histogram.cumulative(), sum_value=histogram.sum
        )
        text = "How late the loop's timer ran, the worst of the last 15 to 30 seconds."
        yield plain_gauge("loop_lag_seconds", text, loop.lag.value(time.monotonic()))
        yield plain_counter("loop_turns", "Turns of the packet loop.", loop.turns)

    def _configuration(self) -> Iterator[Metric]:
        configuration = self._sources.configuration
        value = {"hash": configuration.digest}
        yield InfoMetricFamily(PREFIX + "configuration", "The rules in force.", value=value)
        yield plain_gauge("configuration_generation", "Counts up with every load of rules.", configuration.generation)
        text = "When the rules in force were loaded, Unix time."
        yield plain_gauge("configuration_load_timestamp_seconds", text, configuration.loaded)
        text = "Whether the last attempt to load rules worked."
        yield plain_gauge("configuration_last_load_successful", text, configuration.last_worked)
        rows = [(("ok",), configuration.generation), (("failed",), configuration.failures)]
        yield counter("configuration_loads", "Attempts to load rules, by result.", ("result",), rows)
        text = "Failed attempts to read a set's file again."
        yield counter("set_refresh_failures", text, ("set",), configuration.set_failure_rows())
