"""Which way packets to a destination leave: interface, next hop, MTU.

Lives here: the choice among a snapshot's routes, as the kernel makes it. May not live here: netlink (gateway/links),
hardware addresses: the kernel finds a next hop's own (bpf_redirect_neigh), so a change of one needs nothing from us.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from conntrack.engine.topology import masked
from conntrack.gateway.links.snapshot import Link, Route, Snapshot

#: destinations remembered
_MOST: Final = 65536
_LARGEST: Final = 0xFFFF
_NOTHING: Final = Snapshot()


class Way(NamedTuple):
    """How to reach a destination. next_hop: packed; the destination itself where it is on the link."""

    interface: int
    next_hop: bytes
    mtu: int  # largest IP packet


class Ways:
    """The ways of one snapshot, never changed. attached: interfaces that the fast path stands at."""

    def __init__(self, snapshot: Snapshot = _NOTHING, attached: Collection[int] = ()) -> None:
        self._known: dict[bytes, Way | None] = {}
        self._links = {
            link.interface: link
            for link in snapshot.links
            if link.up and link.ethernet and link.interface in attached and snapshot.by_destination
        }
        self._forwards6 = snapshot.forwards6
        self._own = {address.packed for address in snapshot.addresses}
        self._own |= {broadcast.packed for broadcast in snapshot.broadcasts}
        self._guarded = {(masked(network, length), length) for network, length in snapshot.guarded}
        self._guards = {length for _, length in self._guarded}
        self._routes: dict[tuple[int, int], dict[bytes, Route]] = {}
        for route in snapshot.routes:
            table = self._routes.setdefault((len(route.network), route.length), {})
            table.setdefault(masked(route.network, route.length), route)
        self._lengths = {
            size: sorted((length for one, length in self._routes if one == size), reverse=True) for size in (4, 16)
        }

    def to(self, address: bytes) -> Way | None:
        """The way to a packed address; None: ours, a group, unreachable, by IPsec, or not by a way that we know."""
        known = self._known
        if address in known:
            return known[address]
        if len(known) >= _MOST:
            known.clear()
        way = known[address] = self._find(address)
        return way

    def _find(self, address: bytes) -> Way | None:
        if address in self._own or is_group(address) or self._is_guarded(address):
            return None
        route = self._route(address)
        link = None if route is None else self._links.get(route.interface)
        if route is None or link is None or route.gateway is None:
            return None
        if not (link.forwards if len(address) == 4 else self._forwards6):
            return None  # what comes in by it, which is the other direction, is not forwarded
        return Way(link.interface, route.gateway or address, mtu_of(route, link))

    def _is_guarded(self, address: bytes) -> bool:
        return any((masked(address, length), length) in self._guarded for length in self._guards)

    def _route(self, address: bytes) -> Route | None:
        size = len(address)
        for length in self._lengths[size]:
            route = self._routes[size, length].get(masked(address, length))
            if route is not None:
                return route
        return None


def mtu_of(route: Route, link: Link) -> int:
    """The kernel's own order for forwarded packets: the route's if it has one, else the link's."""
    return min(route.mtu or link.mtu, _LARGEST)


def is_group(address: bytes) -> bool:
    """Whether a packed address is multicast, or IPv4's broadcast to all."""
    first = address[0]
    return first == 0xFF if len(address) == 16 else first >= 0xE0
