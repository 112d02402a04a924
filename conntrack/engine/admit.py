"""A packet of no known connection: may it begin one, does the policy admit it, what is it translated to?

Lives here: that order: opener → zones → expected by a helper? → destination NAT → policy → room → source NAT → table.
May not live here: the matching of rules (policy/), the choice of ports (nat/), what happens to every packet alike
(path.py).
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.engine.across import crossing, forward_key
from conntrack.engine.denial import Denial
from conntrack.engine.enter import Entry
from conntrack.engine.expected import wanted
from conntrack.engine.groups import GroupQueries
from conntrack.engine.holding import Holding
from conntrack.engine.query import ask
from conntrack.engine.state import State
from conntrack.engine.targets import DestinationTranslation, with_destination
from conntrack.engine.verdict import FORWARD, HOLD, PREROUTING
from conntrack.flow.connection import Direction
from conntrack.flow.expectation import Expectation
from conntrack.nat.mapping import Mapping
from conntrack.packet import reason
from conntrack.packet.header import UDP, Packet
from conntrack.policy.across import is_within
from conntrack.policy.nat_rule import NatRule
from conntrack.policy.runtime import ACCEPT as ADMIT
from conntrack.policy.runtime import NO_ZONE, SELF, Query, Rule


class Admission:
    """Judges would-be connections; `denial.answer` is the verdict where `admit` returns None."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._query = Query()
        self._targets = DestinationTranslation(state)
        self._groups = GroupQueries()
        self.denial = Denial(state, self._query)
        self.holding = Holding(state)
        self._entry = Entry(state, self._query, self.denial)

    def admit(self, packet: Packet, key: bytes, hook: i64, inbound: i64, outbound: i64, now: float) -> Direction | None:
        """The original direction of a new connection, already in the table; None: see `denial.answer`."""
        state = self._state
        query = self._query
        ask(query, state.topology, packet, hook, inbound, outbound, now, state.wall)
        why = state.trackers[packet.protocol].may_open(packet)
        if why:
            self.denial.not_an_opener(packet, why, hook)
            return None
        crossings = state.policy.crossings
        if crossings and query.version == 6 and hook == FORWARD and is_within(crossings, query.destination):
            return self._across(packet, key, now)
        if query.zone_in == NO_ZONE or (query.zone_out == NO_ZONE and hook != PREROUTING):
            return self._refuse(packet, reason.NO_ZONE)
        if state.expectations.waiting:
            expectation = wanted(state, query, key, hook)
            if expectation is not None:
                return self._expected(packet, key, expectation, outbound, now)
        forward = key
        nat: NatRule | None = None
        by: Mapping | None = None
        if hook == PREROUTING:
            nat = state.policy.destination_nat(query)
            if nat is None:
                by = self._targets.opening(query, key)
            if nat is not None or by is not None:
                forward = self._inward(nat, by, key)
                if not forward:
                    return self._refuse(packet, self._targets.failure)
                if by is not None:
                    nat = by.rule
            elif not self._for_us(query):
                self.denial.pass_on()  # only looked at for a rule's sake: FORWARD queues it
                return None
        rule = self._decide(query, nat, now)
        if rule.action != ADMIT:
            self.denial.by_rule(packet, rule, now)
            if self.holding.holds(packet, key, query, rule, hook, now):
                self.denial.answer = (HOLD, None, 0)
            return None
        self._entry.by = by
        self._entry.expected = None
        return self._entry.build(packet, key, forward, nat, rule, outbound, now)

    def _expected(
        self, packet: Packet, key: bytes, expectation: Expectation, outbound: i64, now: float
    ) -> Direction | None:
        """A connection that a helper foresaw: its master's rule admits it."""
        rule = expectation.master.rule
        assert isinstance(rule, Rule)
        self._entry.by = None
        self._entry.expected = expectation
        forward = with_destination(key, expectation.inside, expectation.inside_port)
        return self._entry.build(packet, key, forward, None, rule, outbound, now)

    def _across(self, packet: Packet, key: bytes, now: float) -> Direction | None:
        """NAT64. What no entry takes goes nowhere: to IPv6 its destination does not exist."""
        query = self._query
        nat = crossing(self._state, query)
        if nat is None:
            return self._refuse(packet, reason.UNTRANSLATABLE)
        nat.hits += 1
        rule = self._decide(query, nat, now)
        if rule.action != ADMIT:
            self.denial.by_rule(packet, rule, now)
            return None
        self._entry.by = None
        self._entry.expected = None
        return self._entry.build(packet, key, forward_key(key, query.destination), nat, rule, 0, now)

    def _inward(self, nat: NatRule | None, by: Mapping | None, key: bytes) -> bytes:
        """The key with its destination translated by a rule, or by the mapping that it came by."""
        if nat is not None:
            return self._targets.translate(nat, self._query, key)
        assert by is not None
        return self._targets.inward(by, self._query, key)

    def _for_us(self, query: Query) -> bool:
        topology = self._state.topology
        return topology.is_local(query.destination) or topology.is_group(query.destination)

    def _decide(self, query: Query, nat: NatRule | None, now: float) -> Rule:
        state = self._state
        ours = query.zone_in == SELF or query.zone_out == SELF
        if query.protocol != UDP or not ours or nat is not None:
            return state.policy.decide(query, nat)
        number = query.zone_in if query.zone_out == SELF else query.zone_out
        zone = state.policy.zones[number].name  # numbers change with the rules file
        if self._groups.answers(zone, query, now):
            return state.policy.related
        rule = state.policy.decide(query, nat)
        if rule.action == ADMIT and state.topology.is_group(query.destination):
            self._groups.remember(zone, query, now)
        return rule

    def _refuse(self, packet: Packet, why: i64) -> Direction | None:
        self.denial.refuse(packet, why)
        return None
