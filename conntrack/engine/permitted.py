"""Would the rules in force let a connection begin that runs already?

Lives here: the question, put together from the connection. May not live here: what follows from the answer.
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.engine.across import crossing
from conntrack.engine.state import State
from conntrack.flow.connection import DESTINATION_NAT, NAT64, RELATED, Connection
from conntrack.flow.pair import destination_of, invert, source_of
from conntrack.packet.header import ICMP, ICMPV6
from conntrack.policy.nat_rule import NatRule
from conntrack.policy.runtime import ACCEPT, NO_ZONE, Query, Rule


def permitted(state: State, connection: Connection, now: float) -> bool:
    """Whether the policy accepts it; limits count as fresh, and a destination that was translated must still be.

    No rule speaks of one that a helper foresaw: its master's, which it has inherited, must still be there.
    """
    if connection.status & RELATED:
        own = connection.rule
        rules = state.policy.rules
        return isinstance(own, Rule) and own.number < len(rules) and rules[own.number] is own
    rule = rule_for(state, connection, now)
    return rule is not None and rule.action == ACCEPT


def rule_for(state: State, connection: Connection, now: float) -> Rule | None:
    """The rule that would decide on it; None where no rule translates its destination any more."""
    query = asked(connection, connection.original.key, now, now + state.wall)
    policy = state.policy
    nat: NatRule | None = None
    if connection.status & NAT64:
        nat = crossing(state, query)
        return None if nat is None else policy.foresee(query, nat)
    if connection.status & DESTINATION_NAT:
        query.address_zone = state.topology.address_zone(query.destination)
        nat = policy.destination_nat(query)
        if nat is None:
            mapping = state.ports.open_to(connection.original.key)
            nat = None if mapping is None else mapping.rule
        if nat is None:
            return None
    return policy.foresee(translated(state, connection, now), nat)


def helping(state: State, connection: Connection) -> Rule | None:
    """The first rule that accepts and has helpers between the connection's zones, whichever side begins.

    No more can be asked of one that a helper let in when nobody knows its master any longer: its ports are in no rule,
    and its hosts need not be its master's.
    """
    zones = connection.zone_in, connection.zone_out
    for match in state.policy.considered():
        rule = match.rule
        if rule is not None and rule.helped and rule.action == ACCEPT and match.joins(*zones):
            return rule
    for nat in state.policy.nat_rules:
        if nat.rule is not None and nat.rule.helped and nat.zone in zones:
            return nat.rule
    return None


def translated(state: State, connection: Connection, now: float) -> Query:
    """The query once the destination is translated, as rules and source NAT see it."""
    query = asked(connection, invert(connection.reply.key), now, now + state.wall)
    query.source, query.source_port = _source(connection.original.key)
    return query


def asked(connection: Connection, key: bytes, now: float, wall: float) -> Query:
    """The query of a key between the connection's zones."""
    query = Query()
    ports = len(key) - 4
    query.version = 4 if len(key) == 14 else 6
    query.protocol = key[0]
    query.source, query.source_port = _source(key)
    query.destination = destination_of(key)
    query.destination_port = key[ports + 2] << 8 | key[ports + 3]
    if key[0] == ICMP or key[0] == ICMPV6:
        query.icmp_type = key[ports + 2]
        query.icmp_code = key[ports + 3]
    query.zone_in = i64(connection.zone_in)
    query.zone_out = i64(connection.zone_out)
    query.address_zone = NO_ZONE
    query.now, query.wall = now, wall
    return query


def _source(key: bytes) -> tuple[bytes, int]:
    """Source address and port of a key."""
    at = len(key) - 4
    return source_of(key), key[at] << 8 | key[at + 1]
