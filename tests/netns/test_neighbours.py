"""Neighbours as the kernel tells of them, in a namespace with one link."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from conntrack.cli.lab.namespace import Namespace
from conntrack.cli.lab.waiting import until
from conntrack.gateway.fastpath.drivers import xdp_features
from conntrack.gateway.links.neighbours import Neighbours

FIRST, SECOND = "02:00:00:00:00:08", "02:00:00:00:00:09"
FOUR, SIX = ip_address("192.0.2.9").packed, ip_address("2001:db8::9").packed


@pytest.fixture
def host() -> Iterator[Namespace]:
    made = Namespace("near")
    made.ip("link add eth0 type veth peer name eth1", "link set eth0 up", "link set eth1 up")
    made.ip("address add 192.0.2.1/24 dev eth0", "address add 2001:db8::1/64 dev eth0 nodad")
    yield made
    made.close()


class Listening:
    """What was told, the latest of each."""

    def __init__(self, host: Namespace) -> None:
        self.known: dict[bytes, str] = {}
        self.losses = 0
        with host.entered():
            self.index = socket.if_nametoindex("eth0")
            self.neighbours = Neighbours(self._changed, self._lost)

    def heard(self, address: bytes) -> str | None:
        self.neighbours.receive()
        return self.known.get(address)

    def _changed(self, interface: int, address: bytes, hardware: bytes) -> None:
        if interface == self.index:
            self.known[address] = hardware.hex(":")

    def _lost(self) -> None:
        self.losses += 1


def test_those_there_are_those_that_come_and_those_that_go(host: Namespace) -> None:
    host.ip(f"neighbour add 192.0.2.9 lladdr {FIRST} dev eth0")
    listening = Listening(host)
    until(lambda: listening.heard(FOUR) == FIRST, "what was there before is told")
    host.ip(f"neighbour add 2001:db8::9 lladdr {FIRST} dev eth0")
    until(lambda: listening.heard(SIX) == FIRST, "a new one is told")
    host.ip(f"neighbour change 192.0.2.9 lladdr {SECOND} dev eth0")
    until(lambda: listening.heard(FOUR) == SECOND, "another address is told")
    host.ip("neighbour del 192.0.2.9 dev eth0", "neighbour del 2001:db8::9 dev eth0")
    until(lambda: listening.heard(FOUR) == "" and listening.heard(SIX) == "", "their end is told")
    assert listening.losses == 0
    listening.neighbours.close()


def test_use_has_the_kernel_look_for_a_neighbour(host: Namespace) -> None:
    other = Namespace("other")
    host.ip(f"link set eth1 netns {other.name}")
    other.ip("address add 192.0.2.9/24 dev eth1", f"link set eth1 address {SECOND}", "link set eth1 up")
    listening = Listening(host)
    listening.neighbours.use(listening.index, FOUR)
    until(lambda: listening.heard(FOUR) == SECOND, "it answered")
    listening.neighbours.use(listening.index, ip_address("192.0.2.77").packed)
    assert listening.heard(ip_address("192.0.2.77").packed) in (None, "")
    listening.neighbours.close()
    other.close()


def test_what_is_set_for_good_stays_so(host: Namespace) -> None:
    """The kernel takes NTF_USE of a permanent entry for an order to find it out."""
    host.ip(f"neighbour add 192.0.2.9 lladdr {FIRST} dev eth0 nud permanent")
    listening = Listening(host)
    listening.neighbours.use(listening.index, FOUR)
    until(lambda: listening.heard(FOUR) == FIRST, "it is told")
    listening.neighbours.use(listening.index, FOUR)
    assert "PERMANENT" in host.run("ip", "neighbour", "show", "192.0.2.9").stdout
    assert listening.heard(FOUR) == FIRST
    listening.neighbours.close()


def test_what_a_driver_says_of_itself(host: Namespace) -> None:
    """0x3: basic actions and redirecting, which a veth can; 0x4: sending, if its other end does GRO."""
    with host.entered():
        index = socket.if_nametoindex("eth0")
        features = xdp_features(index)
        if features is None:
            pytest.skip("this kernel does not tell of drivers: Linux 6.3 does")
        assert features & 0x7 == 0x3
    host.run("ethtool", "-K", "eth1", "gro", "on")
    with host.entered():
        assert (xdp_features(index) or 0) & 0x7 == 0x7
        assert xdp_features(99999) is None
