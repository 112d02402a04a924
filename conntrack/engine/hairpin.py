"""Packets that cross the queue twice: those of hairpin, whose both addresses change, and NAT64's new IPv4 packets.

The kernel refuses a source address of its own before routing, so the destination is rewritten in PREROUTING and the
source in FORWARD; for the same cause a packet made here begins with a stand-in for its source. The mark HALF
between them says that the packet was judged and counted already.
Lives here: the two crossings. May not live here: ICMP errors about such packets (related.py).
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.engine.related import second_crossing_of_error
from conntrack.engine.state import State
from conntrack.engine.verdict import ACCEPT
from conntrack.flow.connection import CROSSES, Direction
from conntrack.flow.ending import ADDRESS_GONE, CLOSED
from conntrack.flow.table import half_pair
from conntrack.packet import reason
from conntrack.packet.header import ICMP_ERROR, Packet
from conntrack.packet.rewrite import deltas, set_tos, translate


def first_crossing(packet: Packet, direction: Direction) -> bytes:
    """The packet with its destination rewritten."""
    pair = half_pair(direction)
    address_delta, port_delta = deltas(packet.protocol, packet.pair, pair)
    return translate(packet, pair, address_delta, port_delta)


def second_crossing(
    state: State, packet: Packet, prefix: bytes, outbound: i64, now: float
) -> tuple[int, bytes | None, int]:
    """The packet with its source rewritten too; dropped where its connection ended between the crossings.

    prefix: how its key begins; outbound: the interface it leaves by.
    A connection whose last packet this is ends here: without its halves the packet could not have left.
    """
    if packet.kind == ICMP_ERROR:
        return second_crossing_of_error(state, packet, outbound)
    direction = state.table.halves.get(prefix + packet.pair)
    if direction is None:
        return state.refuse(packet, reason.UNTRANSLATABLE, -1, -1)
    address_delta, port_delta = deltas(packet.protocol, packet.pair, direction.translated)
    connection = direction.connection
    if direction.rewrites == CROSSES and outbound != connection.outbound:
        why = state.refuse(packet, reason.UNTRANSLATABLE, i64(connection.zone_in), i64(connection.zone_out))
        state.end(connection, ADDRESS_GONE, now)  # its route leaves by another interface: the next packet begins anew
        return why
    state.trace.connection = connection
    state.trace.direction = "original" if direction.original else "reply"
    out = translate(packet, direction.translated, address_delta, port_delta)
    if connection.dscp >= 0:
        out = set_tos(out, int(i64(connection.dscp) << 2 | packet.tos & 3))
    mark = int(direction.mark)
    if connection.deadline <= now:
        state.end(connection, CLOSED, now)
    return ACCEPT, out, mark
