"""What a sender is told when it is refused, and what it is not told."""

from __future__ import annotations

import socket

from conntrack.cli.lab import probes
from conntrack.cli.lab.network import FAR4, FAR6, INSIDE4, INSIDE6, Network
from tests.netns.conftest import BASE, Start

RULES = (
    BASE
    + """\
settings:
  reject-rate: 20/second burst 20
nat:
  - {masquerade: wan, from: [lan], family: both}
policy:
  lan -> wan: reject
  lan -> self: reject
  self -> wan: reject
"""
)


def test_tcp_is_refused_with_a_reset(net: Network, start: Start) -> None:
    start(RULES)
    for address in (FAR4, FAR6, INSIDE4, INSIDE6):
        assert probes.tcp(net.client, address, 80) == probes.REFUSED


def test_udp_is_refused_with_port_unreachable(net: Network, start: Start) -> None:
    start(RULES)
    for address in (FAR4, FAR6, INSIDE4, INSIDE6):
        assert probes.udp(net.client, address, 53) == probes.REFUSED


def test_ping_is_told(net: Network, start: Start) -> None:
    start(RULES)
    assert probes.ping(net.client, FAR4) == f"From {INSIDE4} icmp_seq=1 Destination Port Unreachable"
    assert "Port unreachable" in probes.ping(net.client, FAR6)


def test_the_gateway_itself_is_told(net: Network, start: Start) -> None:
    start(RULES)
    assert probes.tcp(net.gateway, FAR4, 80) == probes.REFUSED
    assert probes.udp(net.gateway, FAR4, 53) == probes.REFUSED


def test_the_rate_of_answers_is_bounded(net: Network, start: Start) -> None:
    """200 datagrams at once: about twenty are answered, the rest is dropped in silence."""
    net.gateway.sysctl(ipv4__icmp_ratelimit=0)  # the kernel's own bound, of one a second and receiver, is lower still
    start(RULES)
    refused = 0
    sockets = [net.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=0.3) for _ in range(200)]
    try:
        for one in sockets:
            one.connect((FAR4, 53))
            one.send(b"?")
        for one in reversed(sockets):
            one.settimeout(0.3 if one is sockets[-1] else 0)
            try:
                one.recv(1)
            except ConnectionRefusedError:
                refused += 1
            except (TimeoutError, BlockingIOError):
                pass
    finally:
        for one in sockets:
            one.close()
    assert 15 <= refused <= 60
