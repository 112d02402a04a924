"""The packet that a helper foresaw: which expectation it meets, and what follows from that.

Lives here: the two ends of that. May not live here: who may expect what (announce.py), how the connection is made
(enter.py).
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.engine.attach import converse
from conntrack.engine.offspring import came
from conntrack.engine.state import State
from conntrack.engine.verdict import PREROUTING
from conntrack.flow.connection import Connection
from conntrack.flow.expectation import Expectation, place_of
from conntrack.nat.mapping import Mapping
from conntrack.policy.builtins import RELATED
from conntrack.policy.runtime import NO_ZONE, SELF, Query, Rule


def wanted(state: State, query: Query, key: bytes, hook: i64) -> Expectation | None:
    """The expectation that a packet of no connection meets; the query then asks about where it goes.

    None also where it cannot be met here: before routing what is not for the gateway, afterwards what would have to
    go elsewhere.
    """
    found = state.expectations.find(place_of(key), query.source, query.source_port, query.zone_in, query.now)
    if found is None or not isinstance(found.master.rule, Rule):
        return None
    zone = query.zone_out
    if hook == PREROUTING:
        if state.topology.is_local(found.inside):
            zone = SELF
        elif found.inside == query.destination:
            return None
        else:
            index = state.way(found.zone_inside, found.inside)
            zone = state.topology.zone_of(index) if index else NO_ZONE
    elif found.inside != query.destination:
        return None
    if zone != found.zone_inside:
        return None
    query.zone_out = zone
    query.destination, query.destination_port = found.inside, found.inside_port
    return found


def meet(state: State, expectation: Expectation, connection: Connection, now: float) -> None:
    """The expected connection is in the table: it holds the port from now on, and has its own helper."""
    expectations = state.expectations
    expectations.met += 1
    state.by_built_in(RELATED)
    held = expectation.hold
    came(state, expectation, connection)
    if isinstance(held, Mapping) and connection.mapping is None:
        state.ports.join(connection, held, now)
    if not expectation.permanent:
        state.unexpect(expectation, now)
    if expectation.helper:
        converse(state, connection, expectation.helper)
