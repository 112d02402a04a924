"""Metrics of the policy: rules, NAT, sets.

Lives here: the rules' own counters as families. May not live here: packets (traffic.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import Metric
from prometheus_client.registry import Collector

from conntrack.engine.core import Engine
from conntrack.policy.runtime import MASQUERADE, SOURCE_NAT, NatRule
from conntrack.service.metrics.families import Row, counter, gauge
from conntrack.service.names import protocol_name
from conntrack.service.policy_views import ACTIONS, NAT_KINDS

#: outside ports where a rule names none (semantics §3)
PORTS: Final = (1024, 65535)


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
        text = "Outside ports (ICMP: identifiers) of a source NAT rule that no connection holds."
        yield gauge("nat_ports_free", text, ("pool", "protocol"), self._free_ports())
        yield from self._sets()

    def _free_ports(self) -> Iterator[Row]:
        uses = {(use.address, int(use.protocol)): int(use.used) for use in self._engine.ports.uses()}
        for rule in self._engine.policy.nat_rules:
            addresses = self._outside(rule)
            low, high = (int(rule.port_low), int(rule.port_high)) if rule.port_low else PORTS
            for protocol in (6, 17) if addresses else ():
                used = sum(uses.get((address, protocol), 0) for address in addresses)
                yield (rule.name, protocol_name(protocol)), max(0, len(addresses) * (high - low + 1) - used)

    def _outside(self, rule: NatRule) -> list[bytes]:
        """The addresses that a source NAT rule translates to, as things stand."""
        if rule.kind == SOURCE_NAT:
            return rule.addresses
        if rule.kind != MASQUERADE:
            return []
        topology = self._engine.topology
        zone = [interface for interface in topology.interfaces() if interface.zone == rule.zone]
        both = [topology.masquerade_address(interface.index, version) for interface in zone for version in (4, 6)]
        return [address for address in both if address]

    def _sets(self) -> Iterator[Metric]:
        sets = list(self._engine.policy.sets.values())
        text = "Addresses, networks and ranges in a set."
        yield gauge("set_members", text, ("set",), (((one.name,), one.members) for one in sets))
        text = "When a set's file was last read since the rules were, Unix time; 0: not yet."
        yield gauge("set_refresh_timestamp_seconds", text, ("set",), (((one.name,), one.refreshed) for one in sets))
