"""A link outside that takes less than hosts believe, and whose errors get lost: `mss: path` gets data through."""

from __future__ import annotations

import contextlib
import socket

import pytest

from conntrack.cli.lab.network import FAR4, FAR6, Network
from conntrack.cli.lab.waiting import until
from tests.netns.conftest import BASE, Start
from tests.netns.talk import Talk, pattern

#: what is at stake is the daemon's topology, which has nothing to do with the queue
pytestmark = pytest.mark.parametrize("backend", ["netlink"], indirect=True)

NARROW = 1400
RULES = BASE + "nat:\n  - {masquerade: wan, from: [lan]}\npolicy:\n  lan -> wan: accept\n"
CLAMPED = RULES.replace("interfaces: [eth0]", "interfaces: [eth0], mss: path")

#: what a misguided administrator does to the errors that tell of a smaller MTU
BLACK_HOLE = """\
table inet silence {
  chain output {
    type filter hook output priority 0; policy accept;
    icmp type destination-unreachable icmp code frag-needed drop;
    icmpv6 type packet-too-big drop;
  }
}
"""


def narrow(net: Network) -> None:
    """The link between the gateway and its provider takes smaller packets, and the provider is silent about it."""
    net.server.ip(f"link set eth0 mtu {NARROW}")
    net.gateway.ip(f"link set eth0 mtu {NARROW}")
    done = net.server.run("nft", "-f", "-", text=BLACK_HOLE)
    assert done.returncode == 0, done.stdout


def sending(end: socket.socket) -> int:
    """The largest segment that this end sends (without timestamps, which take 12 bytes where both ends use them)."""
    return end.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)


def stalls(net: Network, address: str) -> bool:
    """Whether a download gets nowhere."""
    with Talk(net.client, address, 8000, net.far) as talk:
        talk.up(100)
        talk.far.sendall(pattern(20_000))
        talk.near.settimeout(1.0)
        with contextlib.suppress(TimeoutError):
            return not talk.near.recv(1)
        return True


def test_without_clamping_a_download_stalls_and_with_it_both_ways_pass(net: Network, start: Start) -> None:
    narrow(net)
    daemon = start(RULES)
    assert stalls(net, FAR4)
    assert stalls(net, FAR6)
    daemon.reload(CLAMPED)
    for address, headers in ((FAR4, 40), (FAR6, 60)):
        with Talk(net.client, address, 8001, net.far) as talk:
            talk.down(500_000)
            talk.up(500_000)
            assert sending(talk.far) <= NARROW - headers
            assert sending(talk.near) <= NARROW - headers
            talk.finish()


def test_a_change_of_the_mtu_is_followed(net: Network, start: Start) -> None:
    start(CLAMPED)

    def offered() -> int:
        with Talk(net.client, FAR4, 8000, net.far) as talk:
            return sending(talk.far)

    assert offered() > NARROW
    narrow(net)
    until(lambda: offered() <= NARROW - 40, "the interface's MTU counts")
    net.gateway.ip("route add 203.0.113.0/24 via 198.51.100.9 mtu 1300")
    until(lambda: offered() <= 1300 - 40, "the route's own MTU counts")
