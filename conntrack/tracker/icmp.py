"""ICMP and ICMPv6 queries: echo and its kin (RFC 792, RFC 950, RFC 4443 §4, RFC 4620).

Lives here: which types ask, and which answer belongs to which. May not live here: errors, which belong to the
connection that they speak of (engine/related.py), and neighbour discovery, which is no connection at all.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.packet.header import ICMP, ICMP_QUERY, Packet
from conntrack.tracker.connectionless import SteadyTracker

QUERY_SECONDS: Final = 30.0

#: request → reply, by type
ICMP_QUERIES: Final[dict[int, int]] = {8: 0, 13: 14, 15: 16, 17: 18}  # echo, timestamp, information, address mask
ICMPV6_QUERIES: Final[dict[int, int]] = {128: 129, 139: 140}  # echo, node information


class IcmpTracker(SteadyTracker):
    """The queries of ICMP or ICMPv6. A reply does not end one: the same request may be answered by several."""

    def __init__(self, name: str, queries: dict[int, int]) -> None:
        super().__init__(name, "query", QUERY_SECONDS)
        self._requests = bytes([1 if kind in queries else 0 for kind in range(256)])

    def may_open(self, packet: Packet) -> i64:
        """Requests may; a reply to nothing may not."""
        if packet.kind == ICMP_QUERY and self._requests[packet.raw[packet.transport]]:
            return reason.OK
        return reason.NOT_AN_OPENER


def is_request(protocol: int, kind: int) -> bool:
    """Whether this ICMP or ICMPv6 type may begin a connection."""
    return kind in (ICMP_QUERIES if protocol == ICMP else ICMPV6_QUERIES)
