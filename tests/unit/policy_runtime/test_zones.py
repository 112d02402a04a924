"""Zones of interfaces and of addresses."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton

import pytest

from conntrack.policy.runtime import NO_ZONE
from conntrack.policy.setfile import members
from conntrack.policy.zones import Zone, elsewhere, of_address, of_interface


def zone(number: int, name: str, interfaces: tuple[str, ...], *networks: str) -> Zone:
    return Zone(number, name, interfaces, members("\n".join(networks), ""))


SELF = zone(0, "self", ())
WAN = zone(1, "wan", ("eth0", "ppp+"))
LAN = zone(2, "lan", ("eth1", "br+", "br-lan+"), "10.0.0.0/8", "fd10::/64")
LAB = zone(3, "lab", ("br-lab", "br-l+"), "10.9.0.0/16", "10.9.1.1-10.9.1.9")
ZONES = [SELF, WAN, LAN, LAB]


@pytest.mark.parametrize(
    ("interface", "number"),
    [
        ("eth0", 1),
        ("eth1", 2),
        ("eth10", NO_ZONE),
        ("ppp0", 1),
        ("ppp", 1),
        ("pp", NO_ZONE),
        ("br0", 2),
        ("br-lab", 3),  # a name is nearer than a pattern
        ("br-lab2", 3),  # the longest pattern is the nearest
        ("br-lan2", 2),
        ("lo", NO_ZONE),
    ],
)
def test_of_interface(interface: str, number: int) -> None:
    assert of_interface(ZONES, interface) == number


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("10.1.2.3", 2),
        ("10.9.0.1", 3),  # the smaller network counts
        ("10.9.1.5", 3),
        ("10.255.255.255", 2),
        ("1.1.1.1", 1),
        ("fd10::1", 2),
        ("fd11::1", 1),
        ("::a00:1", 1),  # 10.0.0.1's octets, but IPv6
    ],
)
def test_of_address(address: str, number: int) -> None:
    packed = inet_pton(AF_INET6 if ":" in address else AF_INET, address)

    assert of_address(ZONES, packed) == number


def test_where_every_zone_has_networks_an_address_may_lie_in_none() -> None:
    assert of_address([SELF, LAN], bytes((1, 1, 1, 1))) == NO_ZONE


def test_of_several_zones_without_networks_the_first_is_elsewhere() -> None:
    assert elsewhere([SELF, LAN, WAN, zone(4, "vpn", ("wg0",))]) == 1
    assert elsewhere([SELF, LAN]) == NO_ZONE
