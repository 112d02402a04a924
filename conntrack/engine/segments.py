"""The segment size that a SYN asks for, lowered to what its path takes (`mss:` of a zone).

Lives here: whether, and to how much. May not live here: the edit of the packet (packet/mss.py).
Both directions count, as for the kernel's TCPMSS --clamp-mss-to-pmtu: the SYN tells what its sender takes in, and what
comes to it must fit the whole way.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.leave import leave
from conntrack.engine.state import State
from conntrack.flow.connection import CROSSES, REWRITE_DESTINATION, Direction
from conntrack.packet.errors import Malformed
from conntrack.packet.header import Packet
from conntrack.packet.mss import clamp_mss
from conntrack.policy.zones import MSS_OF_PATH

#: IP and TCP headers without options (RFC 9293 §3.7.1), and the least that may be left
_HEADERS4: Final = 40
_HEADERS6: Final = 60
_LEAST: Final = 1


def clamp(state: State, packet: Packet, direction: Direction, inbound: i64, outbound: i64) -> bytes:
    """The SYN with its MSS no larger than its zones want, or packet.raw itself. An option that is broken is left."""
    bound = limit(state, packet, direction, inbound, outbound)
    if bound == 0:
        return packet.raw
    try:
        return clamp_mss(packet, int(bound))
    except Malformed:
        return packet.raw


def leave_clamped(
    state: State, packet: Packet, direction: Direction, hook: i64, inbound: i64, outbound: i64
) -> tuple[int, bytes | None, int]:
    """What `leave` says of a SYN, clamped."""
    came = packet.raw
    packet.raw = clamp(state, packet, direction, inbound, outbound)
    verdict, out, mark = leave(state, packet, direction, direction.connection, hook)
    if out is None and packet.raw is not came:
        out = packet.raw
    return verdict, out, mark


def limit(state: State, packet: Packet, direction: Direction, inbound: i64, outbound: i64) -> i64:
    """The largest segment that a SYN of this direction may ask for; 0 for no limit.

    inbound, outbound: the interfaces it came by and leaves by, 0 where that is not known.
    """
    connection = direction.connection
    near, far = _of_zone(state, i64(connection.zone_in)), _of_zone(state, i64(connection.zone_out))
    bound: i64 = 0
    if near == MSS_OF_PATH or far == MSS_OF_PATH:
        bound = _of_path(state, packet, direction, inbound, outbound)
    bound = lower(bound, near if near > 0 else 0)
    return lower(bound, far if far > 0 else 0)


def lower(one: i64, other: i64) -> i64:
    """The lower of two limits, of which 0 is none."""
    if one == 0 or other == 0:
        return one + other
    return min(one, other)


def _of_zone(state: State, number: i64) -> i64:
    zones = state.policy.zones
    return zones[number].mss if 0 <= number < len(zones) else 0


def _of_path(state: State, packet: Packet, direction: Direction, inbound: i64, outbound: i64) -> i64:
    """By what fits the links and routes towards both ends; NAT64's far end is of the other IP version."""
    pair = packet.pair
    if direction.rewrites == CROSSES:
        outbound = 0  # that is the link which the translated packet is sent by
        pair = direction.translated
    elif direction.rewrites & REWRITE_DESTINATION:
        pair = direction.translated
    size = 4 if len(pair) == 12 else 16
    onward = _room(state, pair[size : 2 * size], outbound)
    back = _room(state, packet.pair[: 4 if packet.version == 4 else 16], inbound)
    return lower(onward, back)


def _room(state: State, address: bytes, index: i64) -> i64:
    """The largest segment towards an address; 0 if nothing is known."""
    mtu = _mtu(state, address, index)
    return max(mtu - (_HEADERS4 if len(address) == 4 else _HEADERS6), _LEAST) if mtu else 0


def _mtu(state: State, address: bytes, index: i64) -> i64:
    """Of the link that it is known to go by, and of the route if that leads there as well."""
    topology = state.topology
    interface = topology.interface(index) if index else None
    if topology.is_local(address):
        return 0 if interface is None else interface.mtu
    by_route = topology.path_mtu(address)
    if interface is None or topology.route(address) == index:
        return by_route
    return interface.mtu
