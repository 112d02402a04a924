"""A topology out of links, addresses and routes."""

from __future__ import annotations

from ipaddress import ip_address

from conntrack.engine.topology import NO_ZONE
from conntrack.gateway.links.snapshot import (
    DEPRECATED,
    PREFERRED,
    UNFIT,
    Address,
    Broadcast,
    Link,
    Route,
    Snapshot,
    topology,
)

ETH0, ETH1, GONE = 2, 3, 9


def packed(text: str) -> bytes:
    return ip_address(text).packed


def zone_of(name: str) -> int:
    return {"eth0": 1, "eth1": 2}.get(name, NO_ZONE)


def address(interface: int, text: str, fitness: int = PREFERRED) -> Address:
    return Address(interface, packed(text), fitness)


LINKS = (Link(1, "lo", True), Link(ETH0, "eth0", True), Link(ETH1, "eth1", False))


def test_zones_and_state_of_links() -> None:
    built = topology(Snapshot(LINKS), zone_of)
    assert [(one.index, one.name, one.zone, one.up) for one in built.interfaces()] == [
        (1, "lo", NO_ZONE, True),
        (ETH0, "eth0", 1, True),
        (ETH1, "eth1", 2, False),
    ]


def test_the_best_address_to_masquerade_behind_comes_first_and_unfit_ones_never() -> None:
    addresses = (
        address(ETH0, "fe80::1", UNFIT),
        address(ETH0, "2001:db8::dead", DEPRECATED),
        address(ETH0, "2001:db8::2"),
        address(ETH0, "2001:db8::1"),
        address(ETH0, "192.0.2.1", DEPRECATED),
    )
    built = topology(Snapshot(LINKS, addresses), zone_of)
    interface = built.interface(ETH0)
    assert interface is not None
    assert interface.addresses == [one.packed for one in addresses]
    assert interface.sources == [packed(one) for one in ("2001:db8::2", "2001:db8::1", "2001:db8::dead", "192.0.2.1")]
    assert built.masquerade_address(ETH0, 6) == packed("2001:db8::2")
    assert built.masquerade_address(ETH0, 4) == packed("192.0.2.1")
    assert built.is_local(packed("fe80::1"))
    assert built.address_zone(packed("2001:db8::dead")) == 1


def test_an_address_of_a_link_that_went_meanwhile_is_left_out() -> None:
    built = topology(Snapshot(LINKS, (address(GONE, "192.0.2.9"),), (Broadcast(GONE, packed("192.0.2.255")),)), zone_of)
    assert not built.is_local(packed("192.0.2.9"))
    assert not built.is_group(packed("192.0.2.255"))


def test_broadcast_addresses() -> None:
    built = topology(Snapshot(LINKS, (), (Broadcast(ETH1, packed("10.0.0.255")),)), zone_of)
    assert built.is_group(packed("10.0.0.255"))
    assert not built.is_group(packed("10.0.0.254"))


def test_of_equal_routes_the_first_counts_and_refused_networks_have_none() -> None:
    routes = (
        Route(packed("10.0.0.0"), 8, 10, ETH0),
        Route(packed("10.0.0.0"), 8, 50, ETH1),
        Route(packed("10.1.0.0"), 16, 0, 0),
        Route(packed("::"), 0, 0, ETH1),
    )
    built = topology(Snapshot(LINKS, routes=routes), zone_of)
    assert built.route(packed("10.9.9.9")) == ETH0
    assert built.route(packed("10.1.9.9")) == 0
    assert built.route(packed("192.0.2.1")) == 0
    assert built.route(packed("2001:db8::1")) == ETH1


def test_the_largest_packet_that_a_path_takes() -> None:
    links = (Link(ETH0, "eth0", True, 1492), Link(ETH1, "eth1", True, 9000))
    routes = (
        Route(packed("203.0.113.0"), 24, 0, ETH0, mtu=1280),
        Route(packed("198.51.100.0"), 24, 0, ETH0, mtu=1500),
        Route(bytes(4), 0, 0, ETH0),
        Route(packed("10.0.0.0"), 8, 0, ETH1),
        Route(packed("fd00::"), 16, 0, ETH1, mtu=1400),
    )
    built = topology(Snapshot(links, routes=routes), zone_of)
    assert built.path_mtu(packed("203.0.113.7")) == 1280
    assert built.path_mtu(packed("198.51.100.7")) == 1492  # its link takes no more
    assert built.path_mtu(packed("192.0.2.1")) == 1492
    assert built.path_mtu(packed("10.1.2.3")) == 9000
    assert built.path_mtu(packed("fd00::1")) == 1400
    assert built.path_mtu(packed("2001:db8::1")) == 0  # no route
