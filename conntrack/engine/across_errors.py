"""ICMP errors about NAT64 connections, which leave as errors of the other IP version (RFC 7915 §4.2, §5.2).

Lives here: from whom and to whom. May not live here: the messages (packet/error64), whose error it is (related.py).
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.engine.across import hops_left, send
from conntrack.engine.state import State
from conntrack.engine.verdict import DROP
from conntrack.flow.connection import NARROW, Direction
from conntrack.packet import reason
from conntrack.packet.error64 import error_to_ipv4, error_to_ipv6, tells_size
from conntrack.packet.header import Packet
from conntrack.packet.prefix64 import STAND_IN, embed, extract
from conntrack.policy.across import may_stand


def cross_error(
    state: State, packet: Packet, inner: Packet, direction: Direction, hook: i64
) -> tuple[int, bytes | None, int]:
    """Sends the error's translation. direction: the one that it goes in itself.

    An IPv4 error from within this host is about a packet that was just made, with a stand-in for its source.
    """
    connection = direction.connection
    made = b""
    if packet.version == 4:
        pair = connection.original.key[2:]
        source = _source(state, packet.pair[:4], pair)
        if source:
            made = error_to_ipv6(packet, inner, source, pair, hops_left(packet, hook))
    else:
        pair = connection.reply.key[2:]
        made = error_to_ipv4(packet, inner, STAND_IN, pair, hops_left(packet, hook), state.identify())
    if not made or not send(state, [made]):
        return state.refuse(packet, reason.UNTRANSLATABLE, i64(connection.zone_in), i64(connection.zone_out))
    if tells_size(packet):
        connection.status |= NARROW
    return DROP, None, 0


def _source(state: State, router: bytes, pair: bytes) -> bytes:
    """An IPv6 address for the IPv4 router that sent the error: within the prefix, else one of the gateway's own.

    pair: the IPv6 packet's that the error is about; without its prefix the flow's own destination must do.
    """
    for match in state.policy.crossings:
        nat = match.nat
        if nat is None or not extract(pair[16:32], nat.addresses[0], nat.prefix):
            continue
        if may_stand(nat.addresses[0], router):
            return embed(router, nat.addresses[0], nat.prefix)
        return state.topology.masquerade_address(state.topology.route(pair[:16]), 6)
    return pair[16:32]
