"""What rules are asked about a packet of no known connection.

Lives here: the query, put together from the packet and where it is. May not live here: the answer (policy/).
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.engine.topology import Topology
from conntrack.engine.verdict import OUTPUT, PREROUTING
from conntrack.packet.header import ICMP, ICMPV6, Packet
from conntrack.policy.runtime import NO_ZONE, SELF, Query


def ask(
    query: Query, topology: Topology, packet: Packet, hook: i64, inbound: i64, outbound: i64, now: float, wall: float
) -> None:
    """Fills a query. now: the engine's time; wall: Unix time minus it."""
    size: i64 = 4 if packet.version == 4 else 16
    pair = packet.pair
    query.version = packet.version
    query.protocol = packet.protocol
    query.source = pair[:size]
    query.destination = pair[size : 2 * size]
    query.source_port = i64(pair[2 * size]) << 8 | i64(pair[2 * size + 1])
    query.destination_port = i64(pair[2 * size + 2]) << 8 | i64(pair[2 * size + 3])
    query.icmp_type = -1
    query.icmp_code = -1
    if packet.protocol == ICMP or packet.protocol == ICMPV6:
        query.icmp_type = i64(pair[2 * size + 2])
        query.icmp_code = i64(pair[2 * size + 3])
    query.now = now
    query.wall = now + wall
    query.zone_in = SELF if hook == OUTPUT else topology.zone_of(inbound)
    query.zone_out = SELF if hook == PREROUTING else topology.zone_of(outbound)
    query.address_zone = NO_ZONE
    if hook == PREROUTING:
        query.address_zone = topology.address_zone(query.destination, inbound)
