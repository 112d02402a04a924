"""Which answer a rejected packet gets, as the mark that the host's REJECT rules obey.

Lives here: the kind of answer and its rate. May not live here: the answer's bytes (the kernel makes them).
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.engine.state import State
from conntrack.engine.verdict import REJECT_PORT, REJECT_PROHIBITED, REJECT_RESET
from conntrack.packet.header import TCP, Packet
from conntrack.policy.runtime import Query


def mark_of(state: State, packet: Packet, query: Query, now: float, prohibited: bool = False) -> i64:
    """RST for TCP, ICMP for everything else; 0 (drop in silence) over the rate and for group addresses.

    prohibited: ICMP 3/13 whatever the protocol.
    """
    if state.topology.is_group(query.destination):
        return 0
    if not state.policy.reject_limit.take(query.source, now):
        return 0
    if prohibited:
        return REJECT_PROHIBITED
    return REJECT_RESET if packet.protocol == TCP else REJECT_PORT


def port_unreachable(state: State, packet: Packet, now: float) -> i64:
    """ICMP 3/3 whatever the protocol; 0 over the rate."""
    size = 4 if packet.version == 4 else 16
    return REJECT_PORT if state.policy.reject_limit.take(packet.pair[:size], now) else 0
