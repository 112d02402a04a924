"""What readings of many connections add up to, by zone pair.

Lives here: one sum for each direction, which goes into the engine's counters when the pair changes: neighbours in a
reading mostly have the same. May not live here: where readings come from (returns.py).
"""

from __future__ import annotations

from typing import final

from mypy_extensions import i64, mypyc_attr

from conntrack.engine.counters import Counters
from conntrack.gateway.fastpath.carried import Carried


@final
@mypyc_attr(acyclic=True)
class Tally:
    """Over one reading. The counters are right once it is closed; zones may get other numbers only after that."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._numbering: i64 = counters.numbering
        self._pair: i64 = 0
        self._packets: i64 = 0
        self._octets: i64 = 0
        self._reply_pair: i64 = 0
        self._reply_packets: i64 = 0
        self._reply_octets: i64 = 0

    def original(self, record: Carried, packets: i64, octets: i64, seen: i64) -> None:
        """A reading of the original direction; as Carried.read."""
        before: i64 = record.octets
        more: i64 = record.read(packets, octets, seen)
        if more == 0:
            return
        if record.numbering != self._numbering:
            record.number(self._counters)
        if record.pair != self._pair:
            self._count()
            self._pair = i64(record.pair)
        self._packets += more
        self._octets += octets - before

    def reply(self, record: Carried, packets: i64, octets: i64, seen: i64) -> None:
        """The same of the reply direction."""
        before: i64 = record.reply_octets
        more: i64 = record.read_reply(packets, octets, seen)
        if more == 0:
            return
        if record.numbering != self._numbering:
            record.number(self._counters)
        if record.reply_pair != self._reply_pair:
            self._count_reply()
            self._reply_pair = i64(record.reply_pair)
        self._reply_packets += more
        self._reply_octets += octets - before

    def close(self) -> None:
        """Adds what is left to the counters."""
        self._count()
        self._count_reply()

    def _count(self) -> None:
        add(self._counters, self._pair, self._packets, self._octets)
        self._packets = self._octets = 0

    def _count_reply(self) -> None:
        add(self._counters, self._reply_pair, self._reply_packets, self._reply_octets)
        self._reply_packets = self._reply_octets = 0


def add(counters: Counters, pair: i64, packets: i64, octets: i64) -> None:
    """Adds to what has passed of a zone pair."""
    if packets:
        counters.accepted_packets[pair] += int(packets)
        counters.accepted_octets[pair] += int(octets)
