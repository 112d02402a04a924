"""The one registry of a daemon, with every collector in it.

Lives here: the list. May not live here: a metric, the page (page.py).
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, ProcessCollector

from conntrack.engine.core import Engine
from conntrack.service.metrics.fastpath import FastPathCollector, FastPathFigures
from conntrack.service.metrics.health import HealthCollector, Sources
from conntrack.service.metrics.rules import RulesCollector
from conntrack.service.metrics.traffic import TrafficCollector


def registry_of(
    engine: Engine, state_name: Callable[[int, int], str], sources: Sources, fast: FastPathFigures
) -> CollectorRegistry:
    """Everything that the metrics page shows; read when it is asked for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(HealthCollector(sources))
    registry.register(TrafficCollector(engine, state_name))
    registry.register(RulesCollector(engine))
    registry.register(FastPathCollector(fast))
    ProcessCollector(registry=registry)
    return registry
