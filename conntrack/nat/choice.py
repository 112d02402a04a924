"""Choosing the outside port of a source translation, in the kernel's order (nf_nat_core.c).

Lives here: keep it, reuse the endpoint's mapping, the same port, then a bounded search. May not live here:
the counters (ports.py), which address (engine/sources.py), or any randomness of its own.
"""

from __future__ import annotations

from random import Random
from typing import Final

from mypy_extensions import i64

from conntrack.flow.connection import Direction
from conntrack.flow.pair import invert
from conntrack.nat.chosen import Choice
from conntrack.nat.endpoint import PORTED, inside_address, inside_of
from conntrack.nat.mapping import Mapping
from conntrack.nat.ports import Ports
from conntrack.packet.header import ICMP, ICMPV6, UDP
from conntrack.policy.nat_rule import CONTIGUITY, PARITY

#: a search looks at this many consecutive ports, then at half as many from a new start, down to the last number
FIRST_ROUND: Final = 128
LAST_ROUND: Final = 16
#: one more bit of a manner, for one search: the neighbouring port must be free too
PAIR: Final = 0x100


class Chooser:
    """Finds a free outside port; all state is in the table and in Ports."""

    def __init__(self, taken: dict[bytes, Direction], ports: Ports, random: Random) -> None:
        self._taken = taken  # Table.directions: a reply key in it is not free
        self._ports = ports
        self._random = random

    def choose(
        self,
        forward: bytes,
        address: bytes,
        low: i64,
        high: i64,
        manner: i64,
        now: float = 0.0,
        inside: bytes = b"",
    ) -> Choice:
        """The outside port for a packet whose key (destination already translated, in the space it leaves for) is
        `forward`; inside: its inside endpoint, where that is in another address space or IP version.

        address: the outside address; low–high: the ports that the rule allows, 0–0 for the source port's class;
        manner: of an endpoint-independent mapping, EXCLUSIVE and what else policy/nat_rule.py says; else 0.
        """
        choice = Choice()
        protocol: i64 = forward[0]
        if int(protocol) not in PORTED:
            self._without_ports(forward, address, choice)
            return choice
        choice.use = self._ports.use(int(protocol), address)
        inside = inside if inside else inside_of(forward)
        probe = Probe(forward, address, inside_address(inside), now)
        probe.endpoint = inside
        mapping = self._ports.mapping(inside)
        if mapping is not None and mapping.use is choice.use:
            self._reuse(mapping, probe, choice)
            if choice.reply or mapping.exclusive:
                return choice
        self._fresh(probe, low, high, manner, choice)
        return choice

    def sidestep(self, forward: bytes) -> bytes:
        """A reply key that differs from the usual one, which is taken, by the client's port only; b"" if there is none.

        The table alone says what is taken: the address is the client's own, and none of its ports is counted.
        """
        choice = Choice()
        if int(forward[0]) in PORTED:
            size = 4 if len(forward) == 14 else 16
            own = forward[2 : 2 + size]
            probe = Probe(forward, own, own, 0.0)
            low, high = port_class(probe.protocol, probe.port)
            self._search(probe, low, high, 1, 0, choice)
        return choice.reply

    def _without_ports(self, forward: bytes, address: bytes, choice: Choice) -> None:
        size = len(address)
        reply = invert(forward[:2] + address + forward[2 + size :])
        if reply not in self._taken:
            choice.reply = reply

    def _reuse(self, mapping: Mapping, probe: Probe, choice: Choice) -> None:
        reply = probe.reply(mapping.port)
        if reply not in self._taken:
            choice.reply = reply
            choice.port = mapping.port
            choice.mapped = True

    def _fresh(self, probe: Probe, low: i64, high: i64, manner: i64, choice: Choice) -> None:
        wanted = probe.port
        ranged = high > 0
        if not ranged:
            low, high = port_class(probe.protocol, wanted)
        if manner and probe.protocol == UDP:  # what RTP wants: EXCLUSIVE, with more
            choice.mapped = self._paired(probe, low, high, ranged, manner, choice)
            return
        if (not ranged or low <= wanted <= high) and self._try(probe, wanted, manner, choice):
            choice.mapped = manner != 0
            return
        choice.mapped = self._search(probe, low, high, 1, manner, choice)

    def _paired(self, probe: Probe, low: i64, high: i64, ranged: bool, manner: i64, choice: Choice) -> bool:
        """RFC 4787 REQ-4: RTP is even, its RTCP odd; and with contiguity (its §4.2.3) the next one."""
        wanted = probe.port
        if manner & CONTIGUITY:
            if self._beside(probe, low, high, manner, choice):
                return True
            if self._in_pairs(probe, low, high, ranged, manner | PAIR, choice):
                return True
        if (not ranged or low <= wanted <= high) and self._try(probe, wanted, manner, choice):
            return True
        if manner & PARITY and self._in_pairs(probe, low, high, ranged, manner, choice):
            return True
        return self._search(probe, low, high, 1, manner, choice)

    def _in_pairs(self, probe: Probe, low: i64, high: i64, ranged: bool, manner: i64, choice: Choice) -> bool:
        """The port wanted, or another of its parity; with PAIR one whose neighbour is free as well."""
        wanted = probe.port
        if manner & PAIR and (not ranged or low <= wanted <= high) and self._try(probe, wanted, manner, choice):
            return True
        first = low + ((low ^ wanted) & 1)
        return first <= high and self._search(probe, first, high, 2, manner, choice)

    def _beside(self, probe: Probe, low: i64, high: i64, manner: i64, choice: Choice) -> bool:
        """The port beside the one that the inside host's neighbouring port was mapped to."""
        neighbour = probe.port ^ 1
        mapping = self._ports.mapping(probe.endpoint[:-2] + bytes((int(neighbour >> 8), int(neighbour & 0xFF))))
        if mapping is None or mapping.use is not choice.use or (mapping.port ^ neighbour) & 1:
            return False
        port = mapping.port ^ 1
        return low <= port <= high and self._try(probe, port, manner, choice)

    def _search(self, probe: Probe, low: i64, high: i64, stride: i64, manner: i64, choice: Choice) -> bool:
        """Tries every stride-th port from low on, in rounds from random starts."""
        size = (high - low) // stride + 1
        attempts: i64 = min(size, FIRST_ROUND)
        while attempts >= LAST_ROUND or attempts == size:
            start: i64 = self._random.randrange(int(size))
            step: i64 = 0
            while step < attempts:
                if self._try(probe, low + (start + step) % size * stride, manner, choice):
                    return True
                step += 1
            if attempts == size:
                break
            attempts //= 2
        return False

    def _try(self, probe: Probe, port: i64, manner: i64, choice: Choice) -> bool:
        """Takes the port into `choice` if it may be had."""
        reply = probe.reply(port)
        if reply in self._taken or self._ports.is_own(probe.protocol, port):
            return False
        use = choice.use
        if use is not None:
            if int(port) in use.exclusive or (manner and use.holders(port) > 0):
                return False
            if manner & PAIR and (use.holders(port ^ 1) > 0 or self._ports.is_own(probe.protocol, port ^ 1)):
                return False
            if use.rests(port, probe.inside, probe.now):
                return False
        choice.reply = reply
        choice.port = port
        return True


class Probe:
    """Builds the reply key of one socket pair for any outside port."""

    def __init__(self, forward: bytes, address: bytes, inside: bytes, now: float) -> None:
        """address: the outside address; inside: that of whoever it is for."""
        size: i64 = len(address)
        self.inside = inside
        self.endpoint: bytes = b""  # inside_of(key), where it has one
        self.now = now
        ports = 2 + 2 * size
        self.protocol: i64 = forward[0]
        self.port: i64 = i64(forward[ports]) << 8 | i64(forward[ports + 1])
        head = forward[:2] + forward[2 + size : ports] + address
        tail = b""
        if self.protocol == ICMP or self.protocol == ICMPV6:
            tail = invert(forward)[-2:]
        else:
            head += forward[ports + 2 :]
        self._head = head
        self._tail = tail

    def reply(self, port: i64) -> bytes:
        """The key that replies come with when this port is chosen."""
        return self._head + bytes((int(port >> 8), int(port & 0xFF))) + self._tail


def port_class(protocol: i64, port: i64) -> tuple[i64, i64]:
    """The range that a port without a configured one stays in (as in the kernel); identifiers have one class."""
    if protocol == ICMP or protocol == ICMPV6:
        return 0, 65535
    if port < 512:
        return 1, 511
    if port < 1024:
        return 600, 1023
    return 1024, 65535
