"""Path MTU discovery through translation: a narrower link on either side, and a megabyte that must pass it."""

from __future__ import annotations

import socket

import pytest

from conntrack.cli.lab.network import CLIENT6, FAR4, FAR6, OUTSIDE6, Network
from tests.netns.conftest import BASE, Start
from tests.netns.talk import Talk

pytestmark = pytest.mark.parametrize("backend", ["netlink"], indirect=True)

NARROW = 1300
MEGABYTE = 1 << 20
PREFIX = "2001:db8:aa::/64"
MASQUERADED = BASE + "nat:\n  - {masquerade: wan, from: [lan], family: both}\npolicy:\n  lan -> wan: accept\n"
EXCHANGED = (
    BASE
    + f"""\
nat:
  - {{one-to-one: "{PREFIX}", at: wan, to: "2001:db8:10::/64", mapping: checksum-neutral}}
policy:
  lan -> wan: accept
"""
)


def narrow_outside(net: Network) -> None:
    """Behind the provider's router, which says so; far itself believes in more, so its MSS does not give it away."""
    net.server.ip(f"link set eth1 mtu {NARROW}")


def narrow_inside(net: Network) -> None:
    """The gateway's own link to the lan: it says so itself. The hosts there believe in more."""
    net.gateway.ip(f"link set eth1 mtu {NARROW}")


def segment(end: socket.socket) -> int:
    """The largest segment that this end sends."""
    return end.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)


def test_masqueraded_and_the_narrow_link_outside(net: Network, start: Start) -> None:
    start(MASQUERADED)
    narrow_outside(net)
    with Talk(net.client, FAR6, 8000, net.far) as talk:
        assert talk.peer[0] == OUTSIDE6
        assert segment(talk.near) > NARROW
        talk.up(MEGABYTE)
        assert segment(talk.near) <= NARROW - 60


def test_masqueraded_and_the_narrow_link_inside(net: Network, start: Start) -> None:
    start(MASQUERADED)
    narrow_inside(net)
    for address in (FAR6, FAR4):
        with Talk(net.client, address, 8001, net.far) as talk:
            assert segment(talk.far) > NARROW
            talk.down(MEGABYTE)
            assert segment(talk.far) <= NARROW - 40


def test_with_prefixes_exchanged(net: Network, start: Start) -> None:
    net.server.ip(f"route add {PREFIX} via {OUTSIDE6}")
    start(EXCHANGED)
    narrow_outside(net)
    with Talk(net.client, FAR6, 8000, net.far) as talk:
        assert talk.peer[0].startswith("2001:db8:aa:")
        assert talk.peer[0] != CLIENT6
        assert segment(talk.near) > NARROW
        talk.up(MEGABYTE)
        assert segment(talk.near) <= NARROW - 60
