"""What the RFCs ask of a NAT, where it takes a kernel to see it."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest

from conntrack.cli.lab import probes, servers
from conntrack.cli.lab.network import CLIENT4, FAR4, INSIDE4, OUTSIDE4, SERVER4, Network
from tests.netns.conftest import BASE, Start

HOLDS = BASE + "nat:\n  - {masquerade: wan, from: [lan]}\nsettings: {unsolicited-syn: hold}\n"
HOMES = """\
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - name: homes
    source-nat: 198.51.100.64-198.51.100.67
    at: wan
    source: 192.168.10.0/24
    port-blocks: {size: 700, allocation: deterministic}
policy:
  lan -> wan: accept
"""


def test_an_unsolicited_syn_is_answered_after_six_seconds(net: Network, start: Start) -> None:
    start(HOLDS)
    begun = time.monotonic()
    answer = probes.tcp(net.server, OUTSIDE4, 5000, timeout=20)
    waited = time.monotonic() - begun
    assert answer == probes.REFUSED
    assert waited >= 5.9


@pytest.mark.parametrize("backend", ["netlink"])
def test_every_client_s_ports_follow_from_the_rules_alone(net: Network, start: Start, tmp_path: Path) -> None:
    """Sixty inside addresses; whose an outside port is, the command line says from the file, and the daemon too."""
    net.server.ip("route add 198.51.100.64/30 via 198.51.100.2")
    net.client.ip(*(f"address add 192.168.10.{last}/24 dev eth0" for last in range(100, 160)))
    daemon = start(HOMES)
    rules = tmp_path / "homes.yaml"
    rules.write_text(HOMES)
    seen: dict[str, tuple[str, int]] = {}
    with servers.udp(net.far, FAR4, 7000):
        for last in range(100, 160):
            inside = f"192.168.10.{last}"
            with net.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=5) as client:
                client.bind((inside, 6000))
                client.sendto(b"?", (FAR4, 7000))
                words = client.recv(2000).decode().split()  # far sees ADDRESS port PORT
            seen[inside] = (words[2], int(words[4]))
    assert len(set(seen.values())) == 60
    for inside in ("192.168.10.100", "192.168.10.131", "192.168.10.159"):
        address, port = seen[inside]
        for more in ((), ("--rules", str(rules))):
            answer = daemon.ask("nat", "whose", address, str(port), "-o", "jsonl", *more)
            [found] = {json.loads(line)["subscriber"] for line in answer.stdout.splitlines()}
            assert found == inside
    assert INSIDE4 not in seen


@pytest.mark.parametrize("backend", ["netlink"])
def test_a_port_on_request_is_reached_from_outside_until_it_is_given_back(net: Network, start: Start) -> None:
    daemon = start(BASE + "nat:\n  - {masquerade: wan, from: [lan]}\npolicy:\n  lan -> wan: accept\n")
    with servers.http(net.client, CLIENT4, 8080):
        assert probes.http(net.server, OUTSIDE4, 9000, timeout=1) == probes.TIMEOUT
        daemon.ask("nat", "map", "tcp", f"{CLIENT4}:8080", "--outside", "9000")
        [mapping] = json.loads(daemon.ask("nat", "mappings", "-o", "json").stdout)
        assert (mapping["outside_port"], mapping["owner"]) == (9000, "administrator")
        assert probes.http(net.server, OUTSIDE4, 9000).startswith(f"client sees {SERVER4} port ")
        daemon.ask("nat", "unmap", "tcp", f"{CLIENT4}:8080")
        assert probes.http(net.server, OUTSIDE4, 9000, timeout=1) == probes.TIMEOUT
