"""A connection that is admitted: is there room, what is it translated to, and into the table with it.

Lives here: that order. May not live here: the decision (admit.py), the choice of ports (nat/).
"""

from __future__ import annotations

from mypy_extensions import i16, i32, i64

from conntrack.engine.attach import attach
from conntrack.engine.denial import Denial
from conntrack.engine.expected import meet
from conntrack.engine.sources import SourceTranslation
from conntrack.engine.state import State
from conntrack.flow.connection import (
    HAIRPIN,
    LOGGED,
    NAT64,
    RELATED,
    REWRITE_DESTINATION,
    REWRITE_SOURCE,
    Connection,
    Direction,
)
from conntrack.flow.ending import EVICTED
from conntrack.flow.expectation import Expectation
from conntrack.flow.table import half_key
from conntrack.nat.mapping import Mapping
from conntrack.nat.translation import install
from conntrack.packet import reason
from conntrack.packet.header import Packet
from conntrack.policy.nat_rule import NatRule
from conntrack.policy.runtime import LOG_ALL, Query, Rule


class Entry:
    """Makes connections. What lets a packet in is to be set before each: `by`, a mapping; `expected`, a helper's."""

    def __init__(self, state: State, query: Query, denial: Denial) -> None:
        self._state = state
        self._query = query
        self._denial = denial
        self._sources = SourceTranslation(state)
        self.by: Mapping | None = None
        self.expected: Expectation | None = None

    def build(
        self, packet: Packet, key: bytes, forward: bytes, nat: NatRule | None, rule: Rule, outbound: i64, now: float
    ) -> Direction | None:
        """The new connection's original direction; None: the denial has the answer.

        key: as the packet came; forward: with its destination translated by `nat`; rule: the one that admits it.
        """
        state = self._state
        query = self._query
        why = self._room(key, query.zone_in, now)
        if why:
            self._denial.crowded(packet, why, now)
            return None
        sources = self._sources
        expected = self.expected
        if expected is None:
            reply = sources.reply_key(key, forward, nat, query, outbound)
        else:
            reply = sources.expected_key(key, forward, expected, query)
        if not reply:
            if sources.failure == reason.NAT_EXHAUSTED or sources.failure == reason.SUBSCRIBER_LIMIT:
                self._denial.without_resources(packet, sources.failure, now)
                return None
            return self._refuse(packet, sources.failure)
        connection = Connection(int(state.table.created) + 1, key, reply, now)
        connection.zone_in = i16(query.zone_in)
        connection.zone_out = i16(query.zone_out)
        connection.outbound = i32(sources.outbound)
        connection.rule = rule
        rule_mark = rule.mark if expected is None else i64(expected.master.mark)
        connection.mark = i32(rule_mark)
        onward, back = state.spaces.mark(query.zone_out), state.spaces.mark(query.zone_in)
        connection.original.mark = i32(onward if onward else rule_mark)
        connection.reply.mark = i32(back if back else rule_mark)
        connection.dscp = i16(rule.dscp)
        if expected is not None:
            connection.status |= RELATED
        connection.status |= sources.quiet
        if rule.log == LOG_ALL:
            connection.status |= LOGGED
        if reply is not sources.plain:
            install(connection)
        state.trackers[packet.protocol].open(packet, connection, now)
        direction = self._enter(packet, connection, rule, now)
        if direction is not None and expected is not None:
            meet(state, expected, connection, now)
        elif direction is not None and rule.helped and not connection.status & NAT64:
            attach(state, connection, rule)
        return direction

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

    def _enter(self, packet: Packet, connection: Connection, rule: Rule, now: float) -> Direction | None:
        """Into the table, with all that counts and tells of it."""
        state = self._state
        query = self._query
        original = connection.original
        if original.rewrites == REWRITE_SOURCE | REWRITE_DESTINATION:
            connection.status |= HAIRPIN
        if connection.status & (HAIRPIN | NAT64):
            halves = state.table.halves
            if half_key(original) in halves or half_key(connection.reply) in halves:
                return self._refuse(packet, reason.NAT_CLASH)
        if not state.table.insert(connection):
            return self._refuse(packet, reason.INSERT_FAILED)
        if connection.status & (HAIRPIN | NAT64):
            state.table.halves[half_key(original)] = original
        if connection.status & HAIRPIN:
            state.table.halves[half_key(connection.reply)] = connection.reply
        self._sources.hold(connection)
        if self.by is not None and connection.mapping is None:
            state.ports.join(connection, self.by, now)
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

    def _refuse(self, packet: Packet, why: i64) -> Direction | None:
        self._denial.refuse(packet, why)
        return None
