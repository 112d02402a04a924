"""Which tracker follows which protocol.

Lives here: the one set of trackers that an engine has, by number and by name. May not live here: protocols.
Property tests and fuzzers take their trackers from here, so that a new one is tested without being named.
"""

from __future__ import annotations

from conntrack.packet.header import DCCP, GRE, ICMP, ICMPV6, SCTP, TCP, UDP, UDPLITE
from conntrack.tracker.base import Tracker
from conntrack.tracker.dccp.machine import DccpTracker
from conntrack.tracker.generic import GenericTracker
from conntrack.tracker.gre import GreTracker
from conntrack.tracker.icmp import ICMP_QUERIES, ICMPV6_QUERIES, IcmpTracker
from conntrack.tracker.sctp.machine import SctpTracker
from conntrack.tracker.tcp.machine import TcpTracker
from conntrack.tracker.udp import UdpTracker


class Trackers:
    """One tracker a protocol."""

    def __init__(self) -> None:
        self._tcp = TcpTracker()
        self._generic = GenericTracker()
        #: protocol number → tracker, all 256
        self.by_number: list[Tracker] = [self._generic] * 256
        #: Tracker.name() → tracker
        self.by_name: dict[str, Tracker] = {self._generic.name(): self._generic}
        self._defaults: dict[str, dict[str, float]] = {self._generic.name(): self._generic.timeouts()}
        self._add(TCP, self._tcp)
        self._add(UDP, UdpTracker())
        self._add(UDPLITE, UdpTracker("udplite"))
        self._add(ICMP, IcmpTracker("icmp", ICMP_QUERIES))
        self._add(ICMPV6, IcmpTracker("icmpv6", ICMPV6_QUERIES))
        self._add(GRE, GreTracker())
        self._add(SCTP, SctpTracker())
        self._add(DCCP, DccpTracker())

    def all(self) -> list[Tracker]:
        """Every tracker once."""
        return list(self.by_name.values())

    def configure(self, timeouts: dict[str, dict[str, float]], loose: bool, liberal: bool) -> None:
        """Sets timeouts (tracker name → timeout name → seconds), and TCP's options.

        What is not named returns to its default. KeyError: no such tracker or timeout, and nothing is set.
        """
        for name, changed in timeouts.items():
            for timeout in changed:
                if timeout not in self._defaults[name]:
                    raise KeyError(f"{name}.{timeout}")
        for name, tracker in self.by_name.items():
            tracker.set_timeouts({**self._defaults[name], **timeouts.get(name, {})})
        self._tcp.loose = loose
        self._tcp.liberal = liberal

    def _add(self, number: int, tracker: Tracker) -> None:
        self.by_number[number] = tracker
        self.by_name[tracker.name()] = tracker
        self._defaults[tracker.name()] = tracker.timeouts()
