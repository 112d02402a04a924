"""Metrics of the policy: rules, NAT, sets.

Lives here: the rules' own counters as families. May not live here: packets (traffic.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.registry import Collector

from conntrack.engine.core import Engine
from conntrack.packet.header import TCP, UDP
from conntrack.service.metrics.families import Row, counter, gauge
from conntrack.service.names import protocol_name
from conntrack.service.policy_views import ACTIONS, NAT_KINDS
from conntrack.service.pools import held, outside, size


class RulesCollector(Collector):
    """Reads the policy that is in force at the scrape."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Called at every scrape."""
        policy = self._engine.policy
        rules: Iterator[Row] = (
            ((rule.name, rule.pair, ACTIONS[int(rule.action)]), int(rule.hits)) for rule in policy.rules
        )
        yield counter("rule_hits", "New connections that a rule decided.", ("rule", "pair", "action"), rules)
        hits: Iterator[Row] = (((rule.name, NAT_KINDS[int(rule.kind)]), int(rule.hits)) for rule in policy.nat_rules)
        yield counter("nat_hits", "New connections that a NAT rule translated.", ("rule", "kind"), hits)
        failures: Iterator[Row] = (
            ((rule.name, NAT_KINDS[int(rule.kind)]), int(rule.failures)) for rule in policy.nat_rules
        )
        text = "New connections refused because a NAT rule had no port, no address or a clash."
        yield counter("nat_failures", text, ("rule", "kind"), failures)
        text = "Outside ports of a source NAT rule that no connection holds."
        yield gauge("nat_ports_free", text, ("pool", "protocol"), self._free_ports())
        text = "Port blocks that subscribers of a source NAT rule hold."
        yield gauge("nat_port_blocks", text, ("pool",), self._blocks())
        text = "Outside ports that were asked for (`pairwall nat map`)."
        yield gauge("nat_requested_mappings", text, (), [((), len(self._engine.requests.grants()))])
        yield from self._sets()

    def _blocks(self) -> Iterator[Row]:
        held = self._engine.ports.blocks.count()
        for rule in self._engine.policy.nat_rules:
            if rule.blocks is not None:
                yield (rule.name,), held.get(rule.blocks.key, 0)

    def _free_ports(self) -> Iterator[Row]:
        engine = self._engine
        for rule in engine.policy.nat_rules:
            addresses = outside(engine, rule)
            for protocol in (TCP, UDP) if addresses else ():
                free = len(addresses) * size(rule) - held(engine, addresses, protocol)
                yield (rule.name, protocol_name(protocol)), max(0, free)

    def _sets(self) -> Iterator[Metric]:
        sets = list(self._engine.policy.sets.values())
        text = "Addresses, networks and ranges in a set."
        yield gauge("set_members", text, ("set",), (((one.name,), one.members) for one in sets))
        text = "When a set's file was last read since the rules were, Unix time; 0: not yet."
        yield gauge("set_refresh_timestamp_seconds", text, ("set",), (((one.name,), one.refreshed) for one in sets))
