"""Answers to broadcast and multicast queries, whose address is not the one that was asked.

Lives here: a short memory of queries that a rule let in or out. May not live here: which protocols do so: any UDP query
to a group that policy accepted is remembered. An answer comes from the other side of it (who asks does not answer
itself), from and to its exact ports, in the same zone, and goes to whoever asked or to the group that was asked.
"""

from __future__ import annotations

from typing import Final

from conntrack.policy.runtime import SELF, Query

MEMORY: Final = 30.0  # seconds: a UDP flow without an answer lives as long
MOST: Final = 4096  # remembered at once, of the gateway's own queries and of everybody else's

#: zone's name, asker's port, asked port, where an answer may go (zeros: anywhere, the asker had no address yet: DHCP)
_Key = tuple[str, int, int, bytes]


class GroupQueries:
    """Queries of the gateway and queries to it. Hosts cannot push the gateway's own out of the memory."""

    def __init__(self) -> None:
        self._own: dict[_Key, float] = {}
        self._others: dict[_Key, float] = {}

    def __len__(self) -> int:
        return len(self._own) + len(self._others)

    def remember(self, zone: str, query: Query, now: float) -> None:
        """Notes a query between the gateway and a zone that was accepted; the oldest give way to one too many."""
        until = self._own if query.zone_in == SELF else self._others
        for address in (query.source, query.destination):
            key = (zone, int(query.source_port), int(query.destination_port), address)
            until.pop(key, None)
            while len(until) >= MOST:
                del until[next(iter(until))]
            until[key] = now + MEMORY

    def answers(self, zone: str, query: Query, now: float) -> bool:
        """Whether a packet between the gateway and a zone answers a query that went the other way."""
        until = self._others if query.zone_in == SELF else self._own
        if not until:
            return False
        asker, asked = query.destination_port, query.source_port
        return _lives(until, (zone, int(asker), int(asked), query.destination), now) or _lives(
            until, (zone, int(asker), int(asked), bytes(len(query.destination))), now
        )


def _lives(until: dict[_Key, float], key: _Key, now: float) -> bool:
    end = until.get(key)
    return end is not None and end > now
