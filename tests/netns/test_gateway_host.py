"""Sysctls and own ports against a real kernel."""

from __future__ import annotations

import socket

from conntrack.cli.lab import probes
from conntrack.cli.lab.network import CLIENT4, FAR6, INSIDE4, LAN4, OUTSIDE4, SERVER4, Network
from conntrack.gateway import own_ports, sysctl

NAMES = ["eth0", "eth1"]


def test_a_fresh_host_forwards_once_the_sysctls_are_set(net: Network) -> None:
    net.server.ip(f"route add {LAN4} via {OUTSIDE4}")
    with net.gateway.entered():
        found = sysctl.check(NAMES)
        assert [one.name for one in found] == ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]
        assert probes.ping(net.client, SERVER4, timeout=0.2) != "answered"
        assert sysctl.apply(found) == []
        assert sysctl.check(NAMES) == []
    assert probes.ping(net.client, SERVER4) == "answered"
    assert probes.ping(net.client, FAR6) == "answered"


def test_an_interface_that_does_not_forward_is_found(net: Network) -> None:
    net.gateway.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1, ipv6__conf__eth1__forwarding=0)
    with net.gateway.entered():
        (found,) = sysctl.check(NAMES)
    assert found.name == "net.ipv6.conf.eth1.forwarding"


def test_strict_reverse_path_checking_with_two_ways_out(net: Network) -> None:
    net.gateway.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1, ipv4__conf__eth1__rp_filter=1)
    with net.gateway.entered():
        assert sysctl.check(NAMES) == []
        net.gateway.ip(f"route add default via {CLIENT4} metric 900")
        (found,) = sysctl.check(NAMES)
        assert (found.name, found.value, found.wanted) == ("net.ipv4.conf.eth1.rp_filter", "1", "2")
        assert probes.ping(net.client, INSIDE4) == "answered"


def test_the_ports_of_all_kinds_of_sockets(net: Network) -> None:
    with (
        net.gateway.socket(socket.AF_INET, socket.SOCK_STREAM) as listening,
        net.gateway.socket(socket.AF_INET6, socket.SOCK_STREAM) as listening6,
        net.gateway.socket(socket.AF_INET, socket.SOCK_DGRAM) as connected,
        net.gateway.socket(socket.AF_INET6, socket.SOCK_DGRAM) as bound6,
        net.gateway.socket(socket.AF_INET, socket.SOCK_STREAM) as looped,
        net.gateway.socket(socket.AF_INET6, socket.SOCK_STREAM) as looped6,
    ):
        listening.bind(("", 0))
        listening.listen()
        listening6.bind(("::", 0))
        listening6.listen()
        connected.connect((SERVER4, 53))
        bound6.bind(("::", 0))
        looped.bind(("127.0.0.1", 0))
        looped.listen()
        looped6.bind(("::1", 0))
        looped6.listen()
        tcp = {6 << 16 | one.getsockname()[1] for one in (listening, listening6)}
        udp = {17 << 16 | one.getsockname()[1] for one in (connected, bound6)}
        with net.gateway.entered():
            assert own_ports.read() == tcp | udp
    with net.gateway.entered():
        assert own_ports.read() == set()
