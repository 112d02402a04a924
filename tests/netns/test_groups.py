"""Broadcast and multicast queries between real hosts: answers come back, nothing else does."""

from __future__ import annotations

import socket
import struct

import pytest

from conntrack.cli.lab.namespace import Namespace
from conntrack.cli.lab.network import INSIDE4, SHOP4, Network
from tests.netns.conftest import BASE, Start

RULES = (
    BASE
    + """\
policy:
  self -> lan: {accept: [ssdp, udp/137]}
  lan -> self: {accept: [mdns]}
"""
)
BROADCAST, SSDP, MDNS = "192.168.10.255", "239.255.255.250", "224.0.0.251"


@pytest.fixture
def backend() -> str:
    """How packets reach the daemon makes no difference here."""
    return "netlink"


def udp(host: Namespace, address: str, port: int, group: str = "") -> socket.socket:
    """A socket that may broadcast, and belongs to a group if one is given."""
    made = host.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=10)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    made.bind((address, port))
    if group:
        made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership(group, host))
    return made


def membership(group: str, host: Namespace) -> bytes:
    """struct ip_mreqn: the group, and the interface towards the lan."""
    with host.entered():
        index = socket.if_nametoindex({"shop": "br0", "gateway": "eth1", "client": "eth0"}[host.label])
    return struct.pack("=4s4si", socket.inet_aton(group), bytes(4), index)


def received(listening: socket.socket) -> bytes:
    """What comes within a moment; b"" for nothing."""
    patience = listening.gettimeout()
    listening.settimeout(0.4)
    try:
        return listening.recv(100)
    except TimeoutError:
        return b""
    finally:
        listening.settimeout(patience)


@pytest.mark.parametrize(("target", "port"), [(BROADCAST, 137), (SSDP, 1900)])
def test_the_gateway_asks_everybody_and_hears_the_answers_alone(
    net: Network, start: Start, target: str, port: int
) -> None:
    start(RULES)
    net.gateway.ip(f"route add {SSDP}/32 dev eth1")
    group = target if target == SSDP else ""
    with (
        udp(net.gateway, INSIDE4, 40000) as asking,
        udp(net.gateway, INSIDE4, 40001) as other,
        udp(net.shop, "0.0.0.0", port, group) as asked,
        udp(net.shop, SHOP4, port + 1) as beside,
        udp(net.client, "0.0.0.0", port) as stranger,
    ):
        stranger.sendto(b"before", (INSIDE4, 40000))
        assert received(asking) == b""
        asking.sendto(b"who is there?", (target, port))
        question, peer = asked.recvfrom(100)
        assert (question, peer) == (b"who is there?", (INSIDE4, 40000))
        asked.sendto(b"I am", peer)
        assert asking.recv(100) == b"I am"
        beside.sendto(b"from a port that was not asked", peer)
        assert received(asking) == b""
        asked.sendto(b"to a port that did not ask", (INSIDE4, 40001))
        assert received(other) == b""


def test_a_host_that_asks_a_group_opens_nothing_for_itself(net: Network, start: Start) -> None:
    start(RULES)
    net.client.ip(f"route add {MDNS}/32 dev eth0")
    with (
        udp(net.gateway, "0.0.0.0", 5353, MDNS) as service,
        udp(net.gateway, INSIDE4, 161) as closed,
        udp(net.client, "192.168.10.5", 161) as asking,
        udp(net.client, "192.168.10.5", 5353) as answering,
    ):
        asking.sendto(b"query", (MDNS, 5353))
        assert service.recv(100) == b"query"
        answering.sendto(b"an answer to itself", (INSIDE4, 161))
        assert received(closed) == b""
        service.sendto(b"answer", ("192.168.10.5", 161))
        assert asking.recv(100) == b"answer"
