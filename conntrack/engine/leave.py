"""What every passed packet has in common: it is counted, and leaves as its connection says.

Lives here: the counting, and the bytes and mark that a packet leaves a hook with. May not live here: whether it passes.
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.engine.across import cross
from conntrack.engine.hairpin import first_crossing
from conntrack.engine.state import State
from conntrack.engine.verdict import ACCEPT, DONE, HALF, PREROUTING
from conntrack.flow.connection import CROSSES, LOGGED, REWRITE_DESTINATION, REWRITE_SOURCE, Connection, Direction
from conntrack.flow.pair import source_of
from conntrack.packet.header import Packet
from conntrack.packet.rewrite import set_tos, translate
from conntrack.policy.runtime import Rule


def count(
    state: State, packet: Packet, direction: Direction, connection: Connection, now: float, counts: bool = True
) -> None:
    """Counts a passed packet for its zone pair and, unless the tracker ignored it, for its connection."""
    length = packet.length
    if counts:
        direction.packets += 1
        direction.octets += length
        connection.seen = now
    counters = state.counters
    zone_in, zone_out = i64(connection.zone_in), i64(connection.zone_out)
    pair = counters.pair(zone_in, zone_out) if direction.original else counters.pair(zone_out, zone_in)
    counters.accepted_packets[pair] += 1
    counters.accepted_octets[pair] += int(length)
    note(state, direction, connection)
    if connection.status & LOGGED:
        _log(state, packet, connection, now)


def note(state: State, direction: Direction, connection: Connection) -> None:
    """Tells the trace whose packet this was."""
    trace = state.trace
    trace.direction = "original" if direction.original else "reply"
    trace.connection = connection


def _log(state: State, packet: Packet, connection: Connection, now: float) -> None:
    """For `log: all`."""
    observer = state.observer
    rule = connection.rule
    if observer is not None and isinstance(rule, Rule) and rule.may_log(source_of(connection.original.key), now):
        observer.logged(rule, packet, "accept", now)


def leave(
    state: State, packet: Packet, direction: Direction, connection: Connection, hook: i64
) -> tuple[int, bytes | None, int]:
    """The packet as it leaves this hook, and the mark that tells the next one what is done."""
    out: bytes | None = None
    mark = i64(direction.mark)
    rewrites = direction.rewrites
    if hook == PREROUTING:
        mark |= DONE
        if rewrites == REWRITE_SOURCE | REWRITE_DESTINATION:
            return ACCEPT, first_crossing(packet, direction), int(direction.mark | HALF)
    if rewrites:
        if rewrites == CROSSES:
            return cross(state, packet, direction, hook)
        out = translate(packet, direction.translated, i64(direction.address_delta), i64(direction.port_delta))
    if connection.dscp >= 0:
        out = set_tos(packet.raw if out is None else out, int(i64(connection.dscp) << 2 | packet.tos & 3))
    return ACCEPT, out, int(mark)
