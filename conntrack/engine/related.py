"""ICMP and ICMPv6 that belongs to no connection of its own: errors about known flows, and neighbour discovery.

Lives here: finding the flow of the packet inside an error, and translating both (RFC 5508 §4).
May not live here: ICMP queries, which are connections like any other. An error never creates, refreshes or ends a flow.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.across_errors import cross_error
from conntrack.engine.state import State
from conntrack.engine.verdict import ACCEPT, DONE, FORWARD, HALF, OUTPUT, PREROUTING
from conntrack.flow.connection import CROSSES, OFFLOADED, REWRITE_DESTINATION, REWRITE_SOURCE, Connection, Direction
from conntrack.flow.pair import invert, prefixes
from conntrack.nat.translation import goes_elsewhere
from conntrack.packet import reason
from conntrack.packet.embedded import parse_embedded
from conntrack.packet.errors import Malformed
from conntrack.packet.header import ICMP_ERROR, ICMPV6, Packet
from conntrack.packet.rewrite import translate_error
from conntrack.policy.builtins import ERRORS, NEIGHBOUR, RELATED

#: ICMPv6 that IPv6 cannot work without on a link (RFC 4890 §4.4.1): neighbour discovery, MLD, multicast routers
DISCOVERY: Final = frozenset({133, 134, 135, 136})
LISTENING: Final = frozenset({130, 131, 132, 143, 151, 152, 153})
LINK_TYPES: Final = DISCOVERY | LISTENING
#: ICMPv6 redirect: the gateway's own kernel may send it to its neighbours (as IPv4's), and follows nobody's
REDIRECT6: Final = 137

#: ICMP redirect: would have two hosts talk past the translation between them, so a translated flow gets none (kernel)
REDIRECT: Final = 5


class Errors:
    """Judges every ICMP packet that is not a query."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._inner = Packet()

    def packet(
        self, packet: Packet, hook: i64, inbound: i64, outbound: i64, now: float
    ) -> tuple[int, bytes | None, int]:
        """The verdict on an ICMP packet that is an error or neither query nor error."""
        if packet.kind != ICMP_ERROR:
            return self._other(packet, hook, inbound, outbound)
        try:
            parse_embedded(packet, self._inner)
        except Malformed as malformed:
            return self._unknown(packet, malformed.reason, hook, inbound, outbound)
        return self._error(packet, self._inner, hook, inbound, outbound, now)

    def _other(self, packet: Packet, hook: i64, inbound: i64, outbound: i64) -> tuple[int, bytes | None, int]:
        """Neighbour discovery and MLD pass between the gateway and its links; nothing else does.

        Their hop limit says that no router has passed them on: 255 (RFC 4861 §6.1, §7.1), of the others 1 (RFC 3810
        §5, RFC 4286 §3).
        """
        state = self._state
        topology = state.topology
        zone_in: i64 = 0 if hook == OUTPUT else topology.zone_of(inbound)
        zone_out: i64 = topology.zone_of(outbound) if outbound else 0
        kind = int(packet.raw[packet.transport])
        hops: i64 = 1 if kind in LISTENING else 255
        ours = kind in LINK_TYPES or (kind == REDIRECT6 and hook == OUTPUT)
        if packet.protocol == ICMPV6 and hook != FORWARD and ours and packet.hop_limit == hops:
            if zone_in < 0 or zone_out < 0:
                return state.refuse(packet, reason.NO_ZONE, zone_in, zone_out)
            state.by_built_in(NEIGHBOUR)
            return self._pass(packet, hook, zone_in, zone_out)
        return state.refuse(packet, reason.NOT_AN_OPENER, zone_in, zone_out)

    def _error(
        self, packet: Packet, inner: Packet, hook: i64, inbound: i64, outbound: i64, now: float
    ) -> tuple[int, bytes | None, int]:
        direction = self._flow(inner, hook, inbound, outbound)
        if direction is None and hook == OUTPUT:
            direction = self._about_half(inner)
        if direction is None or over(direction.connection, now):
            return self._unknown(packet, reason.ERROR_UNKNOWN_FLOW, hook, inbound, outbound)
        size = 4 if packet.version == 4 else 16
        if packet.pair[size : 2 * size] != inner.pair[:size]:
            return self._unknown(packet, reason.ERROR_WRONG_HOST, hook, inbound, outbound)
        return self._related(packet, inner, direction, direction.connection, hook)

    def _flow(self, inner: Packet, hook: i64, inbound: i64, outbound: i64) -> Direction | None:
        """The direction that the error goes in: against that of the packet it is about."""
        spaces = self._state.spaces
        directions = self._state.table.directions
        direction = directions.get(invert(spaces.prefix(inner.protocol, hook, inbound, outbound) + inner.pair))
        if direction is None and hook == OUTPUT and spaces.apart:
            sent = spaces.own(inner, directions)
            direction = None if sent is None else sent.peer
        return direction

    def _about_half(self, inner: Packet) -> Direction | None:
        """The direction of an error of the kernel's about a packet that NAT64 just made, and could not be routed on."""
        sent = self._state.table.halves.get(prefixes(0)[inner.protocol] + inner.pair)
        if sent is None or sent.rewrites != CROSSES:
            return None
        return sent.peer

    def _related(
        self, packet: Packet, inner: Packet, direction: Direction, connection: Connection, hook: i64
    ) -> tuple[int, bytes | None, int]:
        state = self._state
        rewrites = direction.rewrites
        if hook == PREROUTING and rewrites == REWRITE_SOURCE:
            return ACCEPT, None, 0
        misled = rewrites != 0 and packet.version == 4 and packet.raw[packet.transport] == REDIRECT
        if misled or (hook == FORWARD and rewrites & REWRITE_DESTINATION and goes_elsewhere(direction)):
            return state.refuse(packet, reason.UNTRANSLATABLE, i64(connection.zone_in), i64(connection.zone_out))
        state.by_built_in(RELATED)
        state.trace.connection = connection
        state.trace.direction = "original" if direction.original else "reply"
        mark: i64 = DONE if hook == PREROUTING else 0
        toward = i64(connection.zone_out if direction.original else connection.zone_in)
        mark |= state.spaces.mark(toward)
        outer = packet.pair
        if rewrites & REWRITE_DESTINATION:
            outer = with_destination(outer, direction.translated)
        if rewrites & REWRITE_SOURCE:
            if hook == PREROUTING:
                mark ^= DONE | HALF
            else:
                outer = with_source(outer, direction.translated)
        zone_in, zone_out = i64(connection.zone_in), i64(connection.zone_out)
        if not direction.original:
            zone_in, zone_out = zone_out, zone_in
        self._count(packet, zone_in, zone_out)
        if rewrites == CROSSES:
            return cross_error(state, packet, inner, direction, hook)
        if rewrites == 0:
            return ACCEPT, None, int(mark)
        return ACCEPT, translate_error(packet, inner, outer, invert_pair(direction)), int(mark)

    def _unknown(
        self, packet: Packet, why: i64, hook: i64, inbound: i64, outbound: i64
    ) -> tuple[int, bytes | None, int]:
        """The gateway's own kernel may send an error about any packet; nobody else about a flow that is not known."""
        topology = self._state.topology
        zone_out: i64 = topology.zone_of(outbound) if outbound else 0
        if hook == OUTPUT and zone_out >= 0:
            self._state.by_built_in(ERRORS)
            return self._pass(packet, hook, 0, zone_out)
        zone_in: i64 = topology.zone_of(inbound) if inbound else 0
        return self._state.refuse(packet, why, zone_in, zone_out)

    def _pass(self, packet: Packet, hook: i64, zone_in: i64, zone_out: i64) -> tuple[int, bytes | None, int]:
        self._count(packet, zone_in, zone_out)
        return ACCEPT, None, int(DONE) if hook == PREROUTING else 0

    def _count(self, packet: Packet, zone_in: i64, zone_out: i64) -> None:
        counters = self._state.counters
        pair = counters.pair(zone_in, zone_out)
        counters.accepted_packets[pair] += 1
        counters.accepted_octets[pair] += int(packet.length)


def over(connection: Connection, now: float) -> bool:
    """Whether a connection's time is up; that of a carried one is brought up to date only once it seems to be."""
    return connection.deadline <= now and not connection.status & OFFLOADED


def invert_pair(direction: Direction) -> bytes:
    """The pair that the packet inside an error must show to whom the error goes: what that host itself had sent."""
    return invert(direction.key[:2] + direction.translated)[2:]


def with_destination(pair: bytes, translated: bytes) -> bytes:
    """An ICMP pair with the destination address of another pair."""
    size = 4 if len(pair) == 12 else 16
    return pair[:size] + translated[size : 2 * size] + pair[2 * size :]


def with_source(pair: bytes, translated: bytes) -> bytes:
    """An ICMP pair with another pair's source: hides which inside host sent the error, as the kernel does."""
    size = 4 if len(pair) == 12 else 16
    return translated[:size] + pair[size:]


def second_crossing_of_error(state: State, packet: Packet, outbound: i64) -> tuple[int, bytes | None, int]:
    """An error about a hairpin flow, all rewritten but its outer source, on its way to whose packet it is about."""
    inner = Packet()
    try:
        parse_embedded(packet, inner)
    except Malformed as malformed:
        return state.refuse(packet, malformed.reason, -1, -1)
    sent = state.table.directions.get(state.spaces.prefix(inner.protocol, FORWARD, outbound, 0) + inner.pair)
    if sent is None:
        return state.refuse(packet, reason.ERROR_UNKNOWN_FLOW, -1, -1)
    outer = with_source(packet.pair, sent.peer.translated)
    return ACCEPT, translate_error(packet, inner, outer, inner.pair), 0
