"""NAT64: packets that leave as packets of the other IP version (RFC 6146).

Lives here: which new connections do, and the way out of their packets. May not live here: headers (packet/translate64),
ICMP errors (across_errors.py), the device that takes the packets (gateway/).

The kernel cannot make an IPv4 packet of an IPv6 one that it has queued. So the queued packet is dropped, and a
new one given to the Exit (exit.py), which brings it into the host as if it had come in by a link of its own.
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.engine.state import State
from conntrack.engine.verdict import DROP, OUTPUT, PREROUTING
from conntrack.flow.connection import NARROW, Connection, Direction
from conntrack.packet import reason
from conntrack.packet.header import ICMP, ICMPV6, TCP, Packet
from conntrack.packet.prefix64 import STAND_IN
from conntrack.packet.translate64 import may_fragment, to_ipv4, to_ipv6
from conntrack.policy.across import destination
from conntrack.policy.nat_rule import NatRule
from conntrack.policy.runtime import Query

#: larger than what links take, unless they are set up for more: the kernel has put fragments together
_USUAL_MTU = 1500


def crossing(state: State, query: Query) -> NatRule | None:
    """The entry that translates this would-be connection; the query then asks for the IPv4 destination and its zone."""
    topology = state.topology
    for match in state.policy.crossings:
        address = destination(match, query)
        if not address or topology.is_local(address) or topology.is_group(address):
            continue
        index = topology.route(address)
        nat = match.nat
        if nat is not None and index and topology.zone_of(index) == nat.zone:
            query.destination = address
            query.zone_out = nat.zone
            return nat
    return None


def forward_key(key: bytes, address: bytes) -> bytes:
    """The IPv4 key of a packet to `address` whose source is not chosen yet; key: as the IPv6 packet came."""
    if key[0] == ICMPV6:
        return bytes((ICMP, key[1])) + STAND_IN + address + key[34:36] + b"\x08" + key[37:38]
    return key[:2] + STAND_IN + address + key[34:]


def cross(state: State, packet: Packet, direction: Direction, hook: i64) -> tuple[int, bytes | None, int]:
    """Sends the packet's translation, and drops what it was made of."""
    connection = direction.connection
    made = _made(state, packet, direction, connection, hook)
    if not made or not send(state, made):
        return state.refuse(packet, reason.UNTRANSLATABLE, i64(connection.zone_in), i64(connection.zone_out))
    return DROP, None, 0


def send(state: State, made: list[bytes]) -> bool:
    """Sends what was made of a packet; whether there was a way out for all of it."""
    way_out = state.way_out
    if way_out is None:
        return False
    for raw in made:  # noqa: SIM110 - a loop compiles to one, all() to a generator
        if not way_out.send(raw):
            return False
    return True


def hops_left(packet: Packet, hook: i64) -> i64:
    """What a packet is to be given, so that the one hop that is this gateway counts once.

    After routing the kernel has counted it already, and will again when it routes the new packet.
    """
    return packet.hop_limit if hook == PREROUTING or hook == OUTPUT else min(packet.hop_limit + 1, 255)


def _made(state: State, packet: Packet, direction: Direction, connection: Connection, hook: i64) -> list[bytes]:
    tos = packet.tos if connection.dscp < 0 else i64(connection.dscp) << 2 | packet.tos & 3
    change = i64(direction.address_delta)
    hops = hops_left(packet, hook)
    cut = _was_cut(packet, connection)
    if packet.version == 4:
        return to_ipv6(packet, direction.translated, change, hops, tos, cut or may_fragment(packet))
    pair = STAND_IN + direction.translated[4:]
    raw = to_ipv4(packet, pair, change, hops, tos, state.identify(), cut)
    return [raw] if raw else []


def _was_cut(packet: Packet, connection: Connection) -> bool:
    """Whether the packet came in fragments, which the kernel has put together: then the other side may cut it as well.

    That cannot be seen in it. It must have where it is longer than links take; and, but for TCP, may have where its
    sender knows of a path that takes less.
    """
    if packet.length > _USUAL_MTU:
        return packet.protocol != TCP
    return connection.status & NARROW != 0 and packet.protocol != TCP
