"""Tracked things as plain dictionaries: what the control socket sends, events carry and the command line prints.

Lives here: the shape of a flow. May not live here: which flows (filters.py), or how they are printed (cli/).
The keys are an interface: scripts read them. They may be added to, not renamed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from conntrack.flow.connection import (
    ASSURED,
    DESTINATION_NAT,
    HAIRPIN,
    NAT64,
    OFFLOADED,
    RELATED,
    SEEN_REPLY,
    SOURCE_NAT,
    Connection,
    Direction,
)
from conntrack.flow.pair import readable
from conntrack.packet.header import GRE, WITH_PORTS
from conntrack.policy.runtime import Rule
from conntrack.service.names import ICMP_LIKE, protocol_name
from conntrack.service.protocol import Item


class Flows:
    """Turns connections into dictionaries. `state_name(protocol, state)` and the zone names come from the engine."""

    def __init__(self, state_name: Callable[[int, int], str], zones: Callable[[], Sequence[str]]) -> None:
        self._state_name = state_name
        self._zones = zones

    def state_name(self, protocol: int, state: int) -> str:
        """A state's name, upper case; "" where the protocol has none."""
        return self._state_name(protocol, state)

    def state(self, connection: Connection) -> str:
        """The state's name, upper case; "" where the protocol has none."""
        return self._state_name(int(connection.protocol), int(connection.state))

    def rule(self, connection: Connection) -> str:
        """Why the connection was admitted; "" if nobody remembers (the rules changed)."""
        return connection.rule.why() if isinstance(connection.rule, Rule) else ""

    def zone(self, number: int) -> str:
        """A zone's name; "" for none."""
        zones = self._zones()
        return zones[number] if 0 <= number < len(zones) else ""

    def view(self, connection: Connection, now: float) -> Item:
        """One flow. `now` is the engine's clock; times are seconds."""
        status = int(connection.status)
        return {
            "id": int(connection.identity),
            "protocol": protocol_name(int(connection.protocol)),
            "protocol_number": int(connection.protocol),
            "state": self.state(connection),
            "timeout": max(0, round(connection.deadline - now)),
            "age": round(max(0.0, now - connection.started), 3),
            "idle": round(max(0.0, now - connection.seen), 3),
            "original": direction_view(connection.original),
            "reply": direction_view(connection.reply),
            "assured": bool(status & ASSURED),
            "replied": bool(status & SEEN_REPLY),
            "related": bool(status & RELATED),
            "nat": nat_words(status),
            "zone_in": self.zone(int(connection.zone_in)),
            "zone_out": self.zone(int(connection.zone_out)),
            "rule": self.rule(connection),
            "mark": int(connection.mark),
            "path": "fast" if status & OFFLOADED else "slow",
        }


def direction_view(direction: Direction) -> Item:
    """One direction: its socket pair as its packets come, and what has been counted."""
    return {**pair_view(direction.key), "packets": int(direction.packets), "bytes": int(direction.octets)}


def pair_view(key: bytes) -> dict[str, Any]:
    """A socket pair: addresses, and ports or ICMP fields where the protocol has them."""
    pair = readable(key)
    view: dict[str, Any] = {"source": pair.source, "destination": pair.destination}
    if pair.space:
        view["space"] = pair.space
    if pair.protocol in WITH_PORTS:
        view |= {"source_port": pair.source_port, "destination_port": pair.destination_port}
    elif pair.protocol in ICMP_LIKE:
        kind, code = divmod(pair.destination_port, 256)
        view |= {"icmp_type": kind, "icmp_code": code, "icmp_id": pair.source_port}
    elif pair.protocol == GRE:
        view["gre_key"] = pair.source_port or pair.destination_port
    return view


def nat_words(status: int) -> list[str]:
    """How a connection is translated: source, destination, hairpin, nat64; empty if it is not."""
    words = ((SOURCE_NAT, "source"), (DESTINATION_NAT, "destination"), (HAIRPIN, "hairpin"), (NAT64, "nat64"))
    return [word for bit, word in words if status & bit]
