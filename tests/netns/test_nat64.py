"""An IPv6-only client and IPv4 servers, through the real daemon."""

from __future__ import annotations

import pytest

from conntrack.cli.lab import probes, servers
from conntrack.cli.lab.network import CLIENT4, FAR4, INSIDE4, OUTSIDE4, Network
from tests.netns.conftest import BASE, Start

RULES = (
    BASE
    + """\
nat:
  - {name: six-to-four, nat64: "64:ff9b::/96", from: [lan], at: wan}
policy:
  lan -> wan: accept
"""
)
FAR64 = f"64:ff9b::{FAR4}"


@pytest.fixture(autouse=True)
def _without_ipv4(net: Network) -> None:
    """The client has IPv6 only."""
    net.client.ip("route del default via 192.168.10.1", f"address del {CLIENT4}/24 dev eth0")


def test_http_and_udp_and_ping_reach_an_ipv4_server(net: Network, start: Start) -> None:
    daemon = start(RULES)
    assert INSIDE4
    try:
        with servers.http(net.far, FAR4, 80), servers.udp(net.far, FAR4, 7000):
            assert probes.udp(net.client, FAR64, 7000, source_port=6000) == f"far sees {OUTSIDE4} port 6000"
            assert probes.http(net.client, FAR64, 80).startswith(f"far sees {OUTSIDE4} port ")
            assert probes.ping(net.client, FAR64) == "answered"
    finally:
        print(daemon.process.output())
        print(net.gateway.run("nft", "list", "ruleset").stdout)
        print(daemon.ask("status").stdout, daemon.ask("flows", "list").stdout,daemon.ask("stats").stdout)
