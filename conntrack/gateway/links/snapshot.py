"""What the host's links, addresses and routes are at one moment, and the Topology that it makes.

Lives here: plain data that can be compared, and the choices among it. May not live here: netlink (read.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from conntrack.engine.topology import Interface, Topology

# Address.fitness: how fit an address is to masquerade behind
PREFERRED: Final = 0
DEPRECATED: Final = 1  # only where there is no better one
UNFIT: Final = 2  # link-local, temporary, tentative

#: name of an interface → number of its zone, NO_ZONE if none lists it
ZoneOf = Callable[[str], int]

#: packed address, length of the prefix
Network = tuple[bytes, int]


class Link(NamedTuple):
    """An interface. `up` is the administrator's word, not the carrier's: masquerading outlives a pulled cable.

    kind: "veth", "vlan", "bridge", …; "" for a network card.
    """

    interface: int  # its index
    name: str
    up: bool
    mtu: int = 1500
    ethernet: bool = True  # packets there have Ethernet headers
    hardware: bytes = b""  # its own hardware address
    kind: str = ""
    above: int = 0  # index of the bridge or bond that it is a part of
    below: int = 0  # index of the interface that it stands on, or of its other end
    forwards: bool = True  # IPv4 packets that come in by it (its sysctl `forwarding`)


class Address(NamedTuple):
    """An address that the host answers to, packed."""

    interface: int
    packed: bytes
    fitness: int


class Broadcast(NamedTuple):
    """A broadcast address of a link, packed."""

    interface: int
    packed: bytes


class Route(NamedTuple):
    """A route of the main tables. interface 0: what matches is not forwarded (blackhole, unreachable, prohibit)."""

    network: bytes
    length: int
    metric: int
    interface: int
    gateway: bytes | None = b""  # next hop, packed; b"": on the link; None: several, or the kernel looks at more
    mtu: int = 0  # the route's own; 0: the link's


class Snapshot(NamedTuple):
    """Everything, in the kernel's order; routes sorted so that the best of equal prefixes comes first."""

    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    broadcasts: tuple[Broadcast, ...] = ()
    routes: tuple[Route, ...] = ()
    by_destination: bool = True  # False: `ip rule` makes routes depend on more than the destination
    guarded: tuple[Network, ...] = ()  # hosts that the kernel talks to by IPsec (ipsec.py)
    forwards6: bool = True  # IPv6 packets; the kernel has one switch for all interfaces


def topology(snapshot: Snapshot, zone_of: ZoneOf) -> Topology:
    """The engine's view of a snapshot."""
    built = Topology()
    for interface in _interfaces(snapshot, zone_of):
        built.add_interface(interface)
    for route in snapshot.routes:
        built.add_route(route.network, route.length, route.interface, route.mtu)
    return built


def _interfaces(snapshot: Snapshot, zone_of: ZoneOf) -> list[Interface]:
    found = {}
    for link in snapshot.links:
        found[link.interface] = interface = Interface(link.interface, link.name, zone_of(link.name))
        interface.up = link.up
        interface.mtu = link.mtu
    for broadcast in snapshot.broadcasts:
        if broadcast.interface in found:
            found[broadcast.interface].broadcasts.add(broadcast.packed)
    for address in snapshot.addresses:
        if address.interface in found:
            found[address.interface].addresses.append(address.packed)
    for address in sorted(snapshot.addresses, key=lambda one: one.fitness):  # a stable sort: the kernel's order within
        if address.interface in found and address.fitness != UNFIT:
            found[address.interface].sources.append(address.packed)
    return list(found.values())
