"""Where XDP sends frames: for each way that flows take, the hardware addresses of both its ends.

Lives here: numbers of ways (Flow.link), who uses them, what the kernel knows of the neighbours there. May not live
here: netlink (gateway/links/neighbours.py), at which interfaces XDP stands (stand.py).
A way whose next hop is not known, or no longer, is not valid: the program leaves its packets to tc, where the kernel
finds the neighbour itself; that is how it becomes known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from conntrack.gateway.fastpath import layout
from conntrack.gateway.fastpath.carried import Carried
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.figures import Figures
from conntrack.gateway.fastpath.maps import FlowMaps
from conntrack.gateway.fastpath.nexthops import Way
from conntrack.gateway.links.snapshot import Snapshot

#: Flow.link of flows that XDP leaves to tc
NONE: Final = 0
#: ways that one step of `tend` asks about
_STEP: Final = 100


class Hop(NamedTuple):
    """A way in full: where packets come in, where they leave, and to whom."""

    inbound: int
    outbound: int
    next_hop: bytes


class Hops:
    """Of one set of maps. use: has the kernel make sure of a neighbour (Neighbours.use)."""

    def __init__(self, maps: FlowMaps, figures: Figures, use: Callable[[int, bytes], None]) -> None:
        self._maps = maps
        self._figures = figures
        self._use = use
        self._numbers: dict[Hop, int] = {}
        self._hops: dict[int, Hop] = {}
        self._users: dict[int, int] = {}
        self._idle: dict[int, None] = {}  # numbers without users, in the order in which they lost them
        self._next = 1  # all from here on were never given
        self._neighbours: dict[tuple[int, bytes], bytes] = {}
        self._hardware: dict[int, bytes] = {}
        self._standing: frozenset[int] = frozenset()
        self._senders: frozenset[int] = frozenset()

    def take(self, inbound: int, way: Way) -> int:
        """The number of a way, for one more flow; NONE: XDP is not for it. To be given back."""
        if inbound not in self._standing or way.interface not in self._senders:
            return NONE
        hop = Hop(inbound, way.interface, way.next_hop)
        number = self._numbers.get(hop) or self._new(hop)
        if number != NONE:
            self._users[number] += 1
            self._idle.pop(number, None)
        return number

    def both(self, record: Carried) -> tuple[int, int]:
        """What entries of both directions are to have: the numbers that they have, else such as there are by now."""
        there, back = record.original.way, record.reply.way
        out, home = record.links
        return out or self.take(back.interface, there), home or self.take(there.interface, back)

    def claim(self, number: int, inbound: int, way: Way) -> None:
        """The same for a flow that an earlier process gave this number."""
        if not 0 < number < layout.LINKS:
            return
        hop = Hop(inbound, way.interface, way.next_hop)
        self._numbers[hop] = number
        self._hops[number] = hop
        self._users[number] = self._users.get(number, 0) + 1
        self._idle.pop(number, None)
        self._next = max(self._next, number + 1)

    def give(self, number: int) -> None:
        """One flow less."""
        if number != NONE:
            self._users[number] -= 1
            if not self._users[number]:
                self._idle[number] = None

    def follow(self, snapshot: Snapshot, standing: frozenset[int], senders: frozenset[int]) -> bool:
        """XDP stands at these interfaces now, and can send by those; their own addresses may be others.

        Whether there are ways now that there were not before.
        """
        more = bool(standing - self._standing or senders - self._senders)
        self._standing, self._senders = standing, senders
        self._hardware = {link.interface: link.hardware for link in snapshot.links}
        for number in self._hops:
            self._write(number)
        return more

    def changed(self, interface: int, address: bytes, hardware: bytes) -> None:
        """A neighbour became known, or got another hardware address, or (b"") is known no more."""
        before = self._neighbours.pop((interface, address), b"")
        if hardware:
            self._neighbours[interface, address] = hardware
        if hardware == before:
            return
        for inbound in self._standing:
            number = self._numbers.get(Hop(inbound, interface, address))
            if number:
                self._write(number)

    def lost(self) -> None:
        """What is known of neighbours may be wrong."""
        self._neighbours.clear()
        for number in self._hops:
            self._write(number)

    def tend(self) -> Iterator[None]:
        """Has the kernel make sure of the neighbours that flows go to, a few at each step."""
        used = {self._hops[number][1:] for number, users in self._users.items() if users}
        for count, (interface, address) in enumerate(used):
            self._use(interface, address)
            if count % _STEP == _STEP - 1:
                yield

    def known(self) -> int:
        """Ways that XDP can send by at this moment, and that flows use."""
        return sum(1 for number, users in self._users.items() if users and self._addresses(self._hops[number]))

    def _new(self, hop: Hop) -> int:
        """A number for another way: a fresh one, else one that no flow uses."""
        if self._next < layout.LINKS:
            number = self._next
            self._next += 1
        else:
            number = next(iter(self._idle), NONE)
            if number == NONE:
                return NONE
            del self._idle[number]
            self._numbers.pop(self._hops[number], None)
        self._numbers[hop] = number
        self._hops[number] = hop
        self._users[number] = 0
        self._write(number)
        self._use(hop.outbound, hop.next_hop)
        return number

    def _addresses(self, hop: Hop) -> tuple[bytes, bytes, bytes] | None:
        """What frames get: the next hop's hardware address, ours there, and ours where they come in."""
        destination = self._neighbours.get((hop.outbound, hop.next_hop), b"")
        source, ours = self._hardware.get(hop.outbound, b""), self._hardware.get(hop.inbound, b"")
        fit = hop.inbound in self._standing and hop.outbound in self._senders
        if not fit or not len(destination) == len(source) == len(ours) == 6:
            return None
        return destination, source, ours

    def _write(self, number: int) -> None:
        addresses = self._addresses(self._hops[number])
        try:
            if addresses is None:
                self._maps.forget_link(number)
            else:
                self._maps.set_link(number, *addresses)
        except FastPathError as error:
            self._figures.failed(error)
