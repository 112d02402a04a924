"""Answers to broadcast and multicast queries, whose address is not the one that was asked.

Lives here: a short memory of queries that a rule let in or out. May not live here: which protocols do so: any
UDP query to a group that policy accepted is remembered, and only its exact ports in the same zone are answers.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

MEMORY: Final = 30.0  # seconds: a UDP flow without an answer lives as long
MOST: Final = 4096  # queries remembered at once


class GroupQueries:
    """Queries by (zone they belong to, protocol, asking port, asked port)."""

    def __init__(self) -> None:
        self._until: dict[tuple[int, int, int, int], float] = {}

    def remember(self, zone: i64, protocol: i64, asking: i64, asked: i64, now: float) -> None:
        """Notes a query that was accepted; the oldest gives way when there are too many."""
        key = (int(zone), int(protocol), int(asking), int(asked))
        self._until.pop(key, None)
        while len(self._until) >= MOST:
            del self._until[next(iter(self._until))]
        self._until[key] = now + MEMORY

    def answers(self, zone: i64, protocol: i64, source_port: i64, destination_port: i64, now: float) -> bool:
        """Whether a packet from source_port to destination_port answers a query of that zone."""
        until = self._until.get((int(zone), int(protocol), int(destination_port), int(source_port)))
        return until is not None and until > now
