"""Plain integers that the hot path adds to and the metrics page reads.

Lives here: the counters and what an index means. May not live here: metric names, labels, or rates.
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.flow.ending import ENDINGS
from conntrack.packet.reason import SLOTS


class Counters:
    """Everything counts up from the daemon's start; octets are bytes of whole IP packets."""

    def __init__(self, zones: int) -> None:
        self.zones: i64 = zones
        self.numbering: i64 = 0  # changes with the zones' numbers
        self.accepted_packets: list[int] = []  # by (zone in + 1) · (zones + 1) + zone out + 1
        self.accepted_octets: list[int] = []
        self.dropped_packets: list[int] = []
        self.dropped_octets: list[int] = []
        self.rejected_packets: list[int] = []
        self.rejected_octets: list[int] = []
        self.reasons: list[int] = [0] * SLOTS  # packets not passed, by packet/reason.py
        self.ended: list[int] = [0] * len(ENDINGS)
        self.resize(zones)

    def resize(self, zones: int) -> None:
        """Room for another number of zones; the pairs' counters begin at 0 again, as a restart's would."""
        self.zones = zones
        self.numbering += 1
        size = (zones + 1) * (zones + 1)
        self.accepted_packets = [0] * size
        self.accepted_octets = [0] * size
        self.dropped_packets = [0] * size
        self.dropped_octets = [0] * size
        self.rejected_packets = [0] * size
        self.rejected_octets = [0] * size

    def pair(self, zone_in: i64, zone_out: i64) -> i64:
        """The index of a zone pair; −1 stands for no zone."""
        return (zone_in + 1) * (self.zones + 1) + zone_out + 1

    def pair_of(self, index: int) -> tuple[int, int]:
        """The (zone in, zone out) of an index."""
        width = int(self.zones) + 1
        return index // width - 1, index % width - 1
