"""Links, addresses and routes as the kernel reports them, live, as the engine's topology."""

from __future__ import annotations

import queue
import socket
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from conntrack.cli.lab.namespace import Namespace
from conntrack.cli.lab.network import INSIDE4, INSIDE6, OUTSIDE4, OUTSIDE6, Network
from conntrack.engine.topology import NO_ZONE, Interface, Topology
from conntrack.gateway.links.links import Links

LAN, WAN = 1, 2
ZONES = {"eth1": LAN, "eth0": WAN}


def zone_of(name: str) -> int:
    return ZONES.get(name, NO_ZONE)


def packed(text: str) -> bytes:
    return ip_address(text).packed


class Followed:
    """Links of a host, and when they changed."""

    def __init__(self, host: Namespace) -> None:
        self.host = host
        self.changes: queue.Queue[str] = queue.Queue()
        self.links = Links(lambda: self.changes.put("changed"), self.changes.put)
        with host.entered():
            self.links.start()

    @property
    def topology(self) -> Topology:
        return self.links.topology(zone_of)

    def interface(self, name: str) -> Interface:
        (found,) = [one for one in self.topology.interfaces() if one.name == name]
        return found

    def route(self, address: str) -> str:
        index = self.topology.route(packed(address))
        found = self.topology.interface(index)
        return found.name if found else ""

    def after(self, *commands: str) -> None:
        """Runs `ip` commands, and waits until the change they make is known."""
        while not self.changes.empty():
            self.changes.get()
        self.host.ip(*commands)
        assert self.changes.get(timeout=3) == "changed"

    def settled(self) -> None:
        """Waits until nothing has changed for a while."""
        while True:
            try:
                self.changes.get(timeout=0.3)
            except queue.Empty:
                return


@pytest.fixture
def followed(net: Network) -> Iterator[Followed]:
    host = Followed(net.gateway)
    host.settled()
    yield host
    host.links.stop()
    host.links.stop()


def test_the_lab_s_gateway(followed: Followed) -> None:
    topology = followed.topology
    lan, wan, lo = followed.interface("eth1"), followed.interface("eth0"), followed.interface("lo")
    assert (lan.zone, wan.zone, lo.zone) == (LAN, WAN, NO_ZONE)
    with followed.host.entered():
        assert lan.index == socket.if_nametoindex("eth1")
    assert (lan.up, wan.up) == (True, True)
    assert lan.sources == [packed(INSIDE4), packed(INSIDE6)]
    assert topology.masquerade_address(wan.index, 4) == packed(OUTSIDE4)
    assert topology.masquerade_address(wan.index, 6) == packed(OUTSIDE6)
    for address in (INSIDE4, INSIDE6, OUTSIDE4, OUTSIDE6, "127.0.0.1", "::1"):
        assert topology.is_local(packed(address)), address
    assert topology.address_zone(packed(OUTSIDE4)) == WAN
    assert not topology.is_local(packed("192.168.10.5"))
    assert set(followed.links.names()) == {"lo", "eth0", "eth1"}


def test_link_local_addresses_are_ours_but_not_to_masquerade_behind(followed: Followed) -> None:
    lan = followed.interface("eth1")
    (link_local,) = [one for one in lan.addresses if one[:2] == b"\xfe\x80" and one[8:] != bytes(8)]
    assert followed.topology.is_local(link_local)
    assert link_local not in lan.sources


def test_subnet_router_anycast_is_ours_where_the_host_forwards(followed: Followed) -> None:
    anycast = packed("2001:db8:10::")
    assert not followed.topology.is_local(anycast)
    followed.host.sysctl(ipv6__conf__all__forwarding=1)
    followed.after("address add 2001:db8:77::1/64 dev eth1 nodad")
    followed.settled()
    assert followed.topology.is_local(anycast)
    assert anycast not in followed.interface("eth1").sources


def test_broadcast_addresses(followed: Followed) -> None:
    assert packed("192.168.10.255") in followed.interface("eth1").broadcasts
    assert followed.topology.is_group(packed("198.51.100.255"))
    assert not followed.topology.is_group(packed("192.168.10.254"))


def test_routes(followed: Followed) -> None:
    assert followed.route("192.168.10.77") == "eth1"
    assert followed.route("198.51.100.77") == "eth0"
    assert followed.route("8.8.8.8") == "eth0"
    assert followed.route("2001:db8:10::77") == "eth1"
    assert followed.route("2606:4700::1111") == "eth0"


def test_an_address_that_comes_and_goes(followed: Followed) -> None:
    followed.after("address add 198.51.100.33/32 dev eth0")
    assert followed.topology.is_local(packed("198.51.100.33"))
    assert followed.interface("eth0").sources[:2] == [packed(OUTSIDE4), packed("198.51.100.33")]
    followed.after(f"address del {OUTSIDE4}/24 dev eth0")
    followed.settled()
    wan = followed.interface("eth0")
    assert followed.topology.masquerade_address(wan.index, 4) == packed("198.51.100.33")
    assert not followed.topology.holds(wan.index, packed(OUTSIDE4))
    assert followed.route("198.51.100.77") == "eth0", "by the default route: the address took its network with it"
    assert packed("198.51.100.255") not in wan.broadcasts


def test_temporary_tentative_and_deprecated_addresses(followed: Followed) -> None:
    followed.host.sysctl(ipv6__conf__eth0__accept_dad=1, ipv6__conf__eth0__dad_transmits=50)
    followed.after("address add 2001:db8:51::dad/64 dev eth0")
    followed.after("address add 2001:db8:51::01d/64 dev eth0 nodad preferred_lft 0")
    followed.after(f"address del {OUTSIDE6}/64 dev eth0")
    followed.settled()
    wan = followed.interface("eth0")
    assert [one for one in wan.sources if len(one) == 16] == [packed("2001:db8:51::1d")], (
        "the deprecated one, for lack of a better"
    )
    followed.after("address add 2001:db8:51::600d/64 dev eth0 nodad")
    followed.settled()
    sources = [one for one in followed.interface("eth0").sources if len(one) == 16]
    assert sources == [packed("2001:db8:51::600d"), packed("2001:db8:51::1d")]
    assert packed("2001:db8:51::dad") in followed.interface("eth0").addresses


def test_a_link_that_goes_down_and_one_that_comes(followed: Followed) -> None:
    followed.after("link set eth0 down")
    followed.settled()
    wan = followed.interface("eth0")
    assert not wan.up
    assert not followed.topology.holds(wan.index, packed(OUTSIDE4))
    assert followed.route("8.8.8.8") == ""
    ZONES["wan9"] = 9
    try:
        followed.after("link add wan9 type veth peer name peer9")
        followed.settled()
        assert followed.interface("wan9").zone == 9
    finally:
        del ZONES["wan9"]
    assert followed.interface("wan9").zone == NO_ZONE, "the zones are asked each time"
    followed.after("link set wan9 name other9")
    assert "other9" in followed.links.names()


def test_better_more_specific_and_refusing_routes(followed: Followed) -> None:
    followed.after(
        "route add 10.0.0.0/8 dev eth1 metric 50",
        "route add 10.0.0.0/8 dev eth0 metric 10",
        "route add 10.1.0.0/16 dev eth1",
        "route add blackhole 10.1.2.0/24",
        "route add unreachable 2001:db8:bad::/48",
        "route add 10.4.0.0/16 nexthop dev eth1 weight 1 nexthop dev eth0 weight 9",
        "route add 10.5.0.0/16 dev eth1 table 1234",
        "route add 10.6.0.0/16 dev eth1 table default",
    )
    followed.settled()
    assert followed.route("10.9.9.9") == "eth0"
    assert followed.route("10.1.9.9") == "eth1"
    assert followed.route("10.1.2.9") == ""
    assert followed.route("2001:db8:bad::1") == ""
    assert followed.route("10.4.0.1") == "eth1"
    assert followed.route("10.5.0.1") == "eth0", "a table that only some rules ask is not looked at"
    assert followed.route("10.6.0.1") == "eth1"


def test_an_address_routed_to_the_host_is_ours(followed: Followed) -> None:
    followed.after("route add local 192.0.2.55 dev lo", "route add local 192.0.3.0/24 dev lo")
    assert followed.topology.is_local(packed("192.0.2.55"))


def test_what_changes_nothing_is_not_told(followed: Followed) -> None:
    followed.host.ip("link set eth0 txqueuelen 999", "link set eth0 alias outside")
    with pytest.raises(queue.Empty):
        followed.changes.get(timeout=0.3)


def test_many_changes_at_once_are_told_a_few_times(followed: Followed) -> None:
    began = time.monotonic()
    followed.host.ip(*(f"route add 10.{number >> 8}.{number & 255}.0/24 dev eth1" for number in range(500)))
    told = 0
    while followed.route("10.1.243.1") != "eth1":
        followed.changes.get(timeout=5)
        told += 1
    assert told <= (time.monotonic() - began) / 0.05 + 1
    assert followed.route("10.0.0.1") == "eth1"
