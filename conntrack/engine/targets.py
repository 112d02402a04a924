"""Destination NAT of a new connection: where it goes, and which zone that is.

Lives here: a rule's target joined with the topology. May not live here: which rule applies (policy/), source
NAT (sources.py).
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.engine.state import State
from conntrack.nat.destination import target
from conntrack.nat.mapping import Mapping
from conntrack.packet import reason
from conntrack.packet.header import ICMP, ICMPV6
from conntrack.policy.nat_rule import REDIRECT, NatRule
from conntrack.policy.runtime import NO_ZONE, SELF, Query


class DestinationTranslation:
    """`failure` says why `translate` returned b""."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.failure: i64 = reason.NO_ROUTE

    def translate(self, nat: NatRule, query: Query, key: bytes) -> bytes:
        """The key with the destination that the rule gives it; the query from now on asks about that destination.

        b"" where the rule has no target of the family, or the target has no route into a zone.
        """
        nat.hits += 1
        here = self._here(query)
        address, port = target(nat, query.source, query.destination, query.destination_port, here)
        query.zone_out = self._zone(nat, address)
        if not address or query.zone_out == NO_ZONE:
            nat.failures += 1
            self.failure = reason.NO_ROUTE if address else reason.NAT_NO_ADDRESS
            return b""
        query.destination = address
        query.destination_port = port
        return with_destination(key, address, port)

    def opening(self, query: Query, key: bytes) -> Mapping | None:
        """The mapping that lets the packet in: from the zone outside, or from the inside host's own (hairpin)."""
        mapping = self._state.ports.open_to(key)
        if mapping is None or mapping.rule is None:
            return None
        if mapping.begun == 0 and not mapping.rule.inbound_refresh:
            return None  # only connections from outside keep it: no more of them
        if query.zone_in == mapping.rule.zone:
            return mapping
        home = self._home(mapping, mapping.inside[2 : 2 + len(query.destination)])
        return mapping if home == query.zone_in != NO_ZONE else None

    def inward(self, mapping: Mapping, query: Query, key: bytes) -> bytes:
        """The key with the inside endpoint of a mapping as destination; otherwise like `translate`."""
        size = len(query.destination)
        address, port = mapping.inside[2 : 2 + size], mapping.inside[2 + size :]
        query.zone_out = self._home(mapping, address)
        if query.zone_out == NO_ZONE:
            self.failure = reason.NO_ROUTE
            return b""
        query.destination = address
        query.destination_port = i64(port[0]) << 8 | i64(port[1])
        return with_destination(key, address, query.destination_port)

    def _home(self, mapping: Mapping, address: bytes) -> i64:
        """The zone of the inside host of a mapping."""
        index = self._state.topology.route(address)
        routed = self._state.topology.zone_of(index) if index else NO_ZONE
        return self._state.spaces.home(mapping.inside, routed)

    def _here(self, query: Query) -> bytes:
        """The address that a redirect goes to: the one asked for if it is ours, else the interface's own."""
        topology = self._state.topology
        if topology.is_local(query.destination):
            return query.destination
        for interface in topology.interfaces():
            if interface.zone == query.zone_in:
                for address in interface.sources:
                    if len(address) == len(query.destination):
                        return address
        return b""

    def _zone(self, nat: NatRule, address: bytes) -> i64:
        topology = self._state.topology
        if nat.kind == REDIRECT or (address and nat.inside == NO_ZONE and topology.is_local(address)):
            return SELF
        if not address:
            return NO_ZONE
        if nat.inside != NO_ZONE:
            return nat.inside
        index = topology.route(address)
        return topology.zone_of(index) if index else NO_ZONE


def with_destination(key: bytes, address: bytes, port: i64) -> bytes:
    """A key with another destination; protocols whose second "port" is an ICMP type keep it."""
    size = len(address)
    head = key[: 2 + size] + address
    if key[0] == ICMP or key[0] == ICMPV6:
        return head + key[2 + 2 * size :]
    return head + key[2 + 2 * size : 4 + 2 * size] + bytes((int(port >> 8), int(port & 0xFF)))
