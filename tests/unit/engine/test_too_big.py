"""Packet Too Big (RFC 8201) through every translation of IPv6: path MTU discovery works on it alone."""

from __future__ import annotations

import pytest
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6

from tests.golden.notation import describe, packet
from tests.host import Host

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: ["fd10::/48"]}
nat:
  - {name: prefix, one-to-one: "2001:db8:a::/64", at: wan, to: "fd10:0:0:a::/64", mapping: checksum-neutral}
  - {name: web, forward: http, at: wan, to: "fd10::20", hairpin: lan}
  - {name: nat66, masquerade: wan, from: lan, family: ipv6}
policy:
  lan -> wan: accept
"""
LINKS = {
    "wan": ("eth0", ["203.0.113.1/24", "2001:db8:113::1/64"]),
    "lan": ("eth1", ["192.168.10.1/24", "fd10::1/48"]),
}
PEER = "2001:db8:9::9"
ROUTER = "2001:db8:77::1"


@pytest.fixture
def host() -> Host:
    return Host(RULES, LINKS)


def opened(host: Host, inside: str) -> str:
    """A TCP connection from inside; the outside endpoint that it got."""
    left = host.arrive("lan", f"tcp [{inside}]:5000 > [{PEER}]:80 SYN seq=1")
    outside = left.split()[2]
    host.arrive("wan", f"tcp [{PEER}]:80 > {outside} SYN+ACK seq=9 ack=2")
    host.arrive("lan", f"tcp [{inside}]:5000 > [{PEER}]:80 ACK seq=2 ack=10")
    return outside


@pytest.mark.parametrize("inside", ["fd10::5", "fd10:0:0:a::5"], ids=["masqueraded", "by NPTv6"])
def test_a_router_outside_tells_the_inside_host(host: Host, inside: str) -> None:
    outside = opened(host, inside)
    address = outside[1:].partition("]")[0]
    assert address != inside
    error = packet(f"icmp6 {ROUTER} > {address} too-big about tcp {outside} > [{PEER}]:80 ACK seq=2 ack=10 length=1400")
    fate, left = host.cross("wan", error)
    assert fate == "lan"
    assert describe(left) == (f"icmp6 {ROUTER} > {inside} too-big about tcp [{inside}]:5000 > [{PEER}]:80 ACK")
    assert IPv6(left)[ICMPv6PacketTooBig].mtu == 1280
    assert left[-1400:] == error[-1400:]
    [connection] = host.engine.table.connections()
    assert (connection.original.packets, connection.reply.packets) == (2, 1)  # an error counts for nobody


def test_a_router_inside_tells_the_peer_in_the_gateway_s_name(host: Host) -> None:
    """The server's way out may be narrower than its way in; the peer knows only the outside address."""
    host.arrive("wan", f"tcp [{PEER}]:4000 > [2001:db8:113::1]:80 SYN seq=1")
    came = host.arrive("lan", f"icmp6 fd10::7 > {PEER} too-big about tcp [{PEER}]:4000 > [fd10::20]:80 ACK seq=2")
    assert came == (f"wan icmp6 2001:db8:113::1 > {PEER} too-big about tcp [{PEER}]:4000 > [2001:db8:113::1]:80 ACK")


def test_the_gateway_itself_tells_the_peer_what_its_own_inner_link_takes(host: Host) -> None:
    """Its kernel quotes the packet as it had been translated already: the peer would not know that one."""
    outside = opened(host, "fd10::5")
    own = f"icmp6 2001:db8:113::1 > {PEER} too-big about tcp [{PEER}]:80 > [fd10::5]:5000 ACK seq=10 ack=2"
    assert host.send(own) == (f"wan icmp6 2001:db8:113::1 > {PEER} too-big about tcp [{PEER}]:80 > {outside} ACK")


def test_hairpin(host: Host) -> None:
    host.arrive("lan", "tcp [fd10::5]:4000 > [2001:db8:113::1]:80 SYN seq=1")
    came = host.arrive("lan", "icmp6 fd10::20 > 2001:db8:113::1 too-big about "
                              "tcp [2001:db8:113::1]:4000 > [fd10::20]:80 ACK seq=2")  # fmt: skip
    assert came == ("lan icmp6 2001:db8:113::1 > fd10::5 too-big about tcp [fd10::5]:4000 > [2001:db8:113::1]:80 ACK")


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ("tcp [2001:db8:113::1]:5999 > [2001:db8:9::9]:80 ACK", "error-unknown-flow"),
        ("tcp [2001:db8:113::1]:5000 > [2001:db8:9::8]:80 ACK", "error-unknown-flow"),
        ("udp [2001:db8:113::1]:5000 > [2001:db8:9::9]:80", "error-unknown-flow"),
    ],
)
def test_one_about_no_flow_lowers_nobody_s_packets(host: Host, about: str, why: str) -> None:
    opened(host, "fd10::5")
    assert host.arrive("wan", f"icmp6 {ROUTER} > 2001:db8:113::1 too-big about {about}") == f"drop {why}"


def test_one_to_another_address_than_the_flow_s_is_refused(host: Host) -> None:
    outside = opened(host, "fd10:0:0:a::5")
    error = f"icmp6 {ROUTER} > 2001:db8:113::1 too-big about tcp {outside} > [{PEER}]:80 ACK"
    assert host.arrive("wan", error) == "drop error-wrong-host"
