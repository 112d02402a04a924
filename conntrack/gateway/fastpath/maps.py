"""The fast path's maps, typed: flows in and out, their state, counters.

Lives here: what one connection's entries are together. May not live here: bytes (layout.py), system calls (map.py),
which connections are offered (the manager).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from conntrack.gateway.fastpath.layout import Flow, Usage


class Offer(NamedTuple):
    """A connection for the fast path: both flow keys (flow/pair.py), both entries, and its TCP state."""

    original_key: bytes
    original: Flow
    reply_key: bytes
    reply: Flow
    state: bytes  # handover.state_of(connection); b"" where packets need no judgement (UDP, ICMP)


class Recalled(NamedTuple):
    """What a connection's entries held when they were taken out."""

    original: Usage
    reply: Usage
    state: bytes  # for handover.restore; b"" where there was none


class Reading(NamedTuple):
    """One entry of a batch read."""

    key: bytes  # flow key (flow/pair.py)
    flow: Flow


class FlowMaps:
    """All maps of one loaded program. Every method raises FastPathError where the kernel refuses."""

    def insert(self, offer: Offer) -> None:
        """Puts a connection in: state, then reply, then original. FastPathError: full; then nothing is left behind."""
        raise NotImplementedError

    def insert_many(self, offers: list[Offer]) -> int:
        """The same in batches; returns how many, from the first on, went in."""
        raise NotImplementedError

    def look(self, key: bytes) -> Flow | None:
        """The entry of a flow key."""
        raise NotImplementedError

    def state(self, slot: int) -> bytes:
        """A TCP state, read as one piece; it goes on changing."""
        raise NotImplementedError

    def recall(self, original_key: bytes, reply_key: bytes) -> Recalled | None:
        """Takes a connection out: freezes its TCP state, removes both entries, returns what they held.

        None: it was not in. What is returned for TCP is exact: no packet passes unseen between reading and removing.
        """
        raise NotImplementedError

    def recall_many(self, pairs: list[tuple[bytes, bytes]]) -> list[Recalled | None]:
        """The same for many (original key, reply key) at once, in batches."""
        raise NotImplementedError

    def readings(self, chunk: int = 2048) -> Iterator[list[Reading]]:
        """All entries of both families, about `chunk` at a time: one system call, under 5 ms, for each list."""
        raise NotImplementedError

    def punts(self) -> list[int]:
        """Packets by punts.py's numbers, summed over CPUs; [0] are those forwarded."""
        raise NotImplementedError

    def generation(self) -> int:
        """The generation in force."""
        raise NotImplementedError

    def set_generation(self, generation: int) -> None:
        """Makes entries of every other generation stale at once; 0 switches the fast path off."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Connections in the fast path, as far as inserted or adopted by this object."""
        raise NotImplementedError
