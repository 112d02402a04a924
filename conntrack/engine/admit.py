"""A packet of no known connection: may it begin one, does the policy admit it, what is it translated to?

Lives here: that order: opener → zones → destination NAT → policy → room → source NAT → table. May not live here: the
matching of rules (policy/), the choice of ports (nat/), what happens to every packet alike (core.py).
"""

from __future__ import annotations

from mypy_extensions import i16, i32, i64

from conntrack.engine.groups import GroupQueries
from conntrack.engine.reject import mark_of
from conntrack.engine.sources import SourceTranslation
from conntrack.engine.state import State
from conntrack.engine.targets import DestinationTranslation
from conntrack.engine.trace import REJECTED
from conntrack.engine.verdict import ACCEPT, DONE, DROP, OUTPUT, PREROUTING
from conntrack.flow.connection import HAIRPIN, LOGGED, REWRITE_DESTINATION, REWRITE_SOURCE, Connection, Direction
from conntrack.flow.ending import EVICTED
from conntrack.flow.table import half_key
from conntrack.nat.ports import Mapping
from conntrack.nat.translation import install
from conntrack.packet import reason
from conntrack.packet.header import ICMP, ICMPV6, RST, TCP, UDP, Packet
from conntrack.policy.runtime import ACCEPT as ADMIT
from conntrack.policy.runtime import LOG_ALL, NO_ZONE, REJECT, SELF, NatRule, Query, Rule


class Admission:
    """Judges would-be connections; `answer` is the verdict where `admit` returns None."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._query = Query()
        self._targets = DestinationTranslation(state)
        self._sources = SourceTranslation(state)
        self._groups = GroupQueries()
        self._by: Mapping | None = None  # the mapping that lets the packet in, if one does
        self.answer: tuple[int, bytes | None, int] = (DROP, None, 0)

    def admit(self, packet: Packet, key: bytes, hook: i64, inbound: i64, outbound: i64, now: float) -> Direction | None:
        """The original direction of a new connection, already in the table; None: see `answer`."""
        state = self._state
        query = self._query
        self._ask(packet, key, hook, inbound, outbound, now)
        why = state.trackers[packet.protocol].may_open(packet)
        if why:
            return self._not_an_opener(packet, why, hook)
        if query.zone_in == NO_ZONE or (query.zone_out == NO_ZONE and hook != PREROUTING):
            return self._refuse(packet, reason.NO_ZONE)
        forward = key
        nat: NatRule | None = None
        self._by = None
        if hook == PREROUTING:
            nat = state.policy.destination_nat(query)
            if nat is None:
                self._by = self._targets.opening(query, key)
            if nat is not None or self._by is not None:
                forward = self._inward(nat, key)
                if not forward:
                    return self._refuse(packet, self._targets.failure)
                if self._by is not None:
                    nat = self._by.rule
            elif not self._for_us(query):
                self.answer = (ACCEPT, None, 0)  # only looked at for a rule's sake: FORWARD queues it
                return None
        rule = self._decide(query, nat, now)
        if rule.action != ADMIT:
            return self._denied(packet, rule, now)
        return self._build(packet, key, forward, nat, rule, outbound, now)

    def _inward(self, nat: NatRule | None, key: bytes) -> bytes:
        """The key with its destination translated by a rule, or by the mapping that it came by."""
        if nat is not None:
            return self._targets.translate(nat, self._query, key)
        assert self._by is not None
        return self._targets.inward(self._by, self._query, key)

    def _ask(self, packet: Packet, key: bytes, hook: i64, inbound: i64, outbound: i64, now: float) -> None:
        """Fills the query from the packet and where it is."""
        topology = self._state.topology
        query = self._query
        size: i64 = 4 if packet.version == 4 else 16
        pair = packet.pair
        query.version = packet.version
        query.protocol = packet.protocol
        query.source = pair[:size]
        query.destination = pair[size : 2 * size]
        query.source_port = i64(pair[2 * size]) << 8 | i64(pair[2 * size + 1])
        query.destination_port = i64(pair[2 * size + 2]) << 8 | i64(pair[2 * size + 3])
        query.icmp_type = -1
        query.icmp_code = -1
        if packet.protocol == ICMP or packet.protocol == ICMPV6:
            query.icmp_type = i64(pair[2 * size + 2])
            query.icmp_code = i64(pair[2 * size + 3])
        query.now = now
        query.wall = now + self._state.wall
        query.zone_in = SELF if hook == OUTPUT else topology.zone_of(inbound)
        query.zone_out = SELF if hook == PREROUTING else topology.zone_of(outbound)
        query.address_zone = NO_ZONE
        if hook == PREROUTING:
            query.address_zone = topology.address_zone(query.destination)

    def _for_us(self, query: Query) -> bool:
        topology = self._state.topology
        return topology.is_local(query.destination) or topology.is_group(query.destination)

    def _decide(self, query: Query, nat: NatRule | None, now: float) -> Rule:
        state = self._state
        zone = query.zone_in if query.zone_out == SELF else query.zone_out
        ours = query.zone_in == SELF or query.zone_out == SELF
        if query.protocol != UDP or not ours or nat is not None:
            return state.policy.decide(query, nat)
        if self._groups.answers(zone, UDP, query.source_port, query.destination_port, now):
            return state.policy.related
        rule = state.policy.decide(query, nat)
        if rule.action == ADMIT and state.topology.is_group(query.destination):
            self._groups.remember(zone, UDP, query.source_port, query.destination_port, now)
        return rule

    def _not_an_opener(self, packet: Packet, why: i64, hook: i64) -> Direction | None:
        """The kernel itself sends an RST for what REJECT or a closed port refuses, and no connection knows it."""
        if hook == OUTPUT and packet.protocol == TCP and packet.flags & RST:
            self.answer = (ACCEPT, None, 0)
            return None
        return self._refuse(packet, why)

    def _refuse(self, packet: Packet, why: i64) -> Direction | None:
        query = self._query
        self.answer = self._state.refuse(packet, why, query.zone_in, query.zone_out)
        return None

    def _denied(self, packet: Packet, rule: Rule, now: float) -> Direction | None:
        """Drop or reject, as the rule says; a reject over its rate, or one that may not be answered, is a drop."""
        state = self._state
        query = self._query
        state.trace.rule = rule
        observer = state.observer
        if rule.action == REJECT:
            mark = mark_of(state, packet, query, now)
            if mark:
                self._reject(packet, mark)
                if observer is not None and rule.may_log(query.source, now):
                    observer.logged(rule, packet, REJECTED, now)
                return None
        if observer is not None and rule.may_log(query.source, now):
            observer.logged(rule, packet, "drop", now)
        return self._refuse(packet, rule.reason)

    def _reject(self, packet: Packet, mark: i64) -> None:
        state = self._state
        query = self._query
        counters = state.counters
        counters.reasons[reason.POLICY_REJECT] += 1
        pair = counters.pair(query.zone_in, query.zone_out)
        counters.rejected_packets[pair] += 1
        counters.rejected_octets[pair] += int(packet.length)
        state.trace.verdict = REJECTED
        state.trace.reason = reason.POLICY_REJECT
        self.answer = (ACCEPT, None, int(mark | DONE))

    def _room(self, key: bytes, zone_in: i64, now: float) -> i64:
        """Makes room if it may: 0, or the reason why there is none."""
        state = self._state
        if state.over_zone_limit(zone_in):
            return reason.ZONE_LIMIT
        why = state.table.room(key)
        if why == reason.TABLE_FULL:
            victim = state.table.eviction.victim()
            if victim is not None:
                state.end(victim, EVICTED, now)
                why = state.table.room(key)
        return why

    def _build(
        self, packet: Packet, key: bytes, forward: bytes, nat: NatRule | None, rule: Rule, outbound: i64, now: float
    ) -> Direction | None:
        state = self._state
        query = self._query
        why = self._room(key, query.zone_in, now)
        if why:
            return self._refuse(packet, why)
        sources = self._sources
        reply = sources.reply_key(key, forward, nat, query, outbound)
        if not reply:
            if sources.failure == reason.NAT_EXHAUSTED:
                self._refuse(packet, sources.failure)
                self.answer = self._prohibited(packet, now)
                return None
            return self._refuse(packet, sources.failure)
        connection = Connection(int(state.table.created) + 1, key, reply, now)
        connection.zone_in = i16(query.zone_in)
        connection.zone_out = i16(query.zone_out)
        connection.outbound = i32(sources.outbound)
        connection.rule = rule
        connection.mark = i32(rule.mark)
        connection.dscp = i16(rule.dscp)
        if rule.log == LOG_ALL:
            connection.status |= LOGGED
        if reply is not sources.plain:
            install(connection)
        state.trackers[packet.protocol].open(packet, connection, now)
        return self._enter(packet, connection, rule, now)

    def _enter(self, packet: Packet, connection: Connection, rule: Rule, now: float) -> Direction | None:
        """Into the table, with all that counts and tells of it."""
        state = self._state
        query = self._query
        original = connection.original
        if original.rewrites == REWRITE_SOURCE | REWRITE_DESTINATION:
            connection.status |= HAIRPIN
            halves = state.table.halves
            if half_key(original) in halves or half_key(connection.reply) in halves:
                return self._refuse(packet, reason.NAT_CLASH)
        if not state.table.insert(connection):
            return self._refuse(packet, reason.INSERT_FAILED)
        if connection.status & HAIRPIN:
            state.table.halves[half_key(original)] = original
            state.table.halves[half_key(connection.reply)] = connection.reply
        self._sources.hold(connection)
        if self._by is not None and connection.mapping is None:
            state.ports.join(connection, self._by)
        if connection.zone_in >= 0:
            state.zone_population[connection.zone_in] += 1
        trace = state.trace
        trace.rule = rule
        trace.new = True
        observer = state.observer
        if observer is not None:
            observer.created(connection, now)
            if not connection.status & LOGGED and rule.may_log(query.source, now):
                observer.logged(rule, packet, "accept", now)
        return original

    def _prohibited(self, packet: Packet, now: float) -> tuple[int, bytes | None, int]:
        """Out of ports: the sender is told (RFC 5508 REQ-8: ICMP 3/13), at the rate of rejects."""
        from_rate = mark_of(self._state, packet, self._query, now, prohibited=True)
        if from_rate:
            return ACCEPT, None, int(from_rate | DONE)
        return DROP, None, 0
