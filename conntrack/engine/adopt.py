"""Connections that were carried on while no daemon was here, taken into the table of a new one.

Lives here: what can be known of such a connection without its first packet, and its way into the table. May not live
here: where it was found (gateway/fastpath).
What is not known: when it began, which rule admitted it (the one that would now does) and what tokens it took. Of one
that a helper let in: whose conversation foretold it. That went through the daemon, and ended with it.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i16, i32, i64

from conntrack.engine.permitted import helping, rule_for, translated
from conntrack.engine.state import State
from conntrack.flow.connection import (
    ASSURED,
    HAIRPIN,
    RELATED,
    REWRITE_DESTINATION,
    REWRITE_SOURCE,
    SEEN_REPLY,
    SOURCE_NAT,
    Connection,
)
from conntrack.flow.pair import destination_of
from conntrack.flow.table import half_key
from conntrack.nat.chosen import Choice
from conntrack.nat.endpoint import PORTED, inside_of, outside_port
from conntrack.nat.translation import install
from conntrack.packet.header import TCP, WITH_PORTS
from conntrack.policy.runtime import ACCEPT
from conntrack.tracker.connectionless import REPLIED
from conntrack.tracker.tcp.memory import Memory
from conntrack.tracker.tcp.table import ESTABLISHED
from conntrack.tracker.tcp.window import Window

#: seconds that it is kept if its carrier says nothing of its latest packet
_UNTIL_KNOWN: Final = 30.0


class Found:
    """One carried connection: its identity, both keys, the interfaces that packets of original direction come in and
    leave by, mark and DSCP (-1: none). related: a helper let it in."""

    def __init__(
        self, identity: int, original: bytes, reply: bytes, inbound: int, outbound: int, mark: int, dscp: int
    ) -> None:
        self.identity: i64 = identity
        self.original = original
        self.reply = reply
        self.inbound: i64 = inbound
        self.outbound: i64 = outbound
        self.mark: i64 = mark
        self.dscp: i64 = dscp
        self.related = False


def adopt(state: State, found: Found, now: float) -> Connection | None:
    """The connection, in the table, with its NAT port held; its windows are still to be filled.

    None: no interface of it lies in a zone, the rules in force forbid it, or its keys are taken.
    """
    connection = Connection(int(found.identity), found.original, found.reply, now)
    connection.zone_in = i16(state.topology.zone_of(found.inbound))
    connection.zone_out = i16(state.topology.zone_of(found.outbound))
    install(connection)
    rule = None
    if connection.zone_in > 0 and connection.zone_out > 0:
        rule = helping(state, connection) if found.related else rule_for(state, connection, now)
    if rule is None or rule.action != ACCEPT:
        return None
    connection.rule = rule
    if found.related:
        connection.status |= RELATED
    connection.mark = connection.original.mark = connection.reply.mark = i32(found.mark)
    connection.dscp = i16(found.dscp)
    _begin(state, connection, now)
    return connection if _enter(state, connection, now) else None


def _begin(state: State, connection: Connection, now: float) -> None:
    """The state of one that may be carried (engine/offload.py)."""
    connection.status |= SEEN_REPLY
    if connection.protocol == TCP:
        connection.status |= ASSURED
        connection.state = ESTABLISHED
        connection.original.state = Window()
        connection.reply.state = Window()
        connection.tracking = Memory()
    else:
        connection.state = REPLIED
    connection.deadline = now + _UNTIL_KNOWN


def _enter(state: State, connection: Connection, now: float) -> bool:
    original, reply = connection.original, connection.reply
    table = state.table
    if not table.insert(connection):
        return False
    table.created = max(table.created, connection.identity)  # so that no later one is given the same
    if original.rewrites == REWRITE_SOURCE | REWRITE_DESTINATION:
        connection.status |= HAIRPIN
        table.halves[half_key(original)] = original
        table.halves[half_key(reply)] = reply
    if connection.status & SOURCE_NAT and int(connection.protocol) in PORTED:
        _hold(state, connection, now)
    state.zone_population[connection.zone_in] += 1
    return True


def _hold(state: State, connection: Connection, now: float) -> None:
    """Its outside port is taken, alone or of a subscriber's block, as the rule says that would translate it now."""
    key = connection.reply.key
    choice = Choice()
    choice.use = state.ports.use(int(connection.protocol), destination_of(key))
    choice.port = outside_port(key)
    rule = state.policy.source_nat(translated(state, connection, now))
    if rule is not None and rule.blocks is not None:
        choice.block = state.blocks.around(connection.original.key, rule.blocks, choice.use.address, choice.port)
    if rule is not None and rule.endpoint_independent:
        opens = rule.rule is not None and int(connection.protocol) in WITH_PORTS
        inside = inside_of(connection.original.key)
        state.ports.map(connection, inside, choice, True, rule if opens else None, now)
    else:
        state.ports.hold(connection, choice, now)
