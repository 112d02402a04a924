"""Traffic as hosts send it: bulk, fragments, names, traceroute, pings of every size, a host that goes away."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from conntrack.cli.lab import probes, servers
from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.network import (
    CLIENT6,
    FAR4,
    FAR6,
    INSIDE4,
    INSIDE6,
    OUTSIDE4,
    SERVER4,
    SERVER6,
    Network,
)
from conntrack.cli.lab.process import Process
from conntrack.cli.lab.waiting import until
from tests.netns.conftest import BASE, Start

RULES = (
    BASE
    + """\
nat:
  - {name: internet, masquerade: wan, from: [lan]}
policy:
  lan -> wan: accept
  lan -> self:
    - {accept: [ping]}
  self -> wan: accept
"""
)


def iperf(net: Network, directory: Path, *options: str) -> dict[str, float]:
    """Runs iperf3 from client to far; its summary of what was received."""
    with Process(net.far, ["iperf3", "-s", "-1", "-i", "0", "--forceflush"], directory / "iperf3.log") as server:
        until(lambda: "listening" in server.output(), "iperf3 listens")
        done = net.client.run("iperf3", "-c", FAR4, "-J", "-i", "0", *options, timeout=60)
    report = json.loads(done.stdout)
    assert "error" not in report, report
    summary: dict[str, float] = report["end"].get("sum_received") or report["end"]["sum"]
    return summary


@pytest.mark.parametrize("reverse", [(), ("-R",)], ids=["up", "down"])
def test_tcp_bulk(net: Network, start: Start, tmp_path: Path, reverse: tuple[str, ...]) -> None:
    daemon = start(RULES)
    received = iperf(net, tmp_path, "-n", "20M", *reverse)
    assert received["bytes"] > 15e6  # the rest is on its way when the sender has had enough
    counted = json.loads(daemon.ask("stats", "-o", "json").stdout)
    assert not any("window" in reason for reason in counted["drops"]), counted["drops"]


def test_tcp_bulk_with_segmentation_offload(backend: str, tmp_path: Path) -> None:
    """Segments of up to 64 kB reach the queue in one piece and must leave as they came."""
    with Network(offload=True) as net, Daemon(net.gateway, RULES, tmp_path, "--queue-backend", backend):
        assert iperf(net, tmp_path, "-n", "50M")["bytes"] > 40e6


def test_udp_at_a_steady_rate_loses_nothing(net: Network, start: Start, tmp_path: Path) -> None:
    start(RULES)
    report = iperf(net, tmp_path, "-u", "-b", "5M", "-l", "200", "-t", "2")
    assert report["lost_packets"] == 0


@pytest.mark.parametrize("size", [0, 1472, 1473, 3000])
@pytest.mark.parametrize("address", [FAR4, FAR6])
def test_ping_of_any_size(net: Network, start: Start, address: str, size: int) -> None:
    start(RULES)
    assert probes.ping(net.client, address, size) == "answered"


@pytest.mark.parametrize("size", [1, 1472, 1473, 3000])
def test_datagrams_in_fragments(net: Network, start: Start, size: int) -> None:
    start(RULES)
    with servers.udp(net.far, "::", 5353):
        assert probes.udp(net.client, FAR4, 5353, bytes(size)).startswith(f"far sees {OUTSIDE4} ")
        assert probes.udp(net.client, FAR6, 5353, bytes(size)).startswith(f"far sees {CLIENT6} ")


def test_the_largest_datagrams_pass_where_the_backend_can_take_them(net: Network, start: Start, backend: str) -> None:
    """The netfilterqueue package copies 4 kB of a packet at most: what is longer is dropped, and counted."""
    start(RULES)
    with servers.udp(net.far, "::", 5353):
        answers = [probes.udp(net.client, address, 5353, bytes(65000), timeout=1) for address in (FAR4, FAR6)]
    if backend == "netlink":
        assert [answer.split()[:2] for answer in answers] == [["far", "sees"]] * 2
    else:
        assert answers == [probes.TIMEOUT] * 2
        page = net.gateway.run("curl", "-sS", "http://127.0.0.1:9469/metrics").stdout
        counted = re.search(r"^pairwall_queue_truncated_packets_total (\S+)", page, re.MULTILINE)
        assert counted is not None
        assert float(counted[1]) == 2


def test_traceroute_sees_every_hop(net: Network, start: Start) -> None:
    start(RULES)
    for address, hops in ((FAR4, (INSIDE4, SERVER4, FAR4)), (FAR6, (INSIDE6, SERVER6, FAR6))):
        done = net.client.run("traceroute", "-n", "-q", "1", "-w", "2", address)
        assert tuple(re.findall(r"^ ?\d+ +(\S+)", done.stdout, re.MULTILINE)) == hops, done.stdout


def test_path_mtu_is_learned_through_nat(net: Network, start: Start) -> None:
    """The error that a smaller link sends back must reach the sender behind the gateway."""
    start(RULES)
    net.server.ip("link set eth1 mtu 1300")
    net.far.ip("link set eth0 mtu 1300")
    for address in (FAR4, FAR6):
        done = net.client.run("ping", "-n", "-c", "2", "-i", "0.2", "-W", "2", "-M", "do", "-s", "1400", address)
        assert "mtu=1300" in done.stdout or "mtu = 1300" in done.stdout, done.stdout


def name_server(query: bytes, _peer: tuple[str, int]) -> bytes:
    """Answers any question with one address record: 192.0.2.1 (RFC 1035 §4.1)."""
    question = query[12 : query.index(b"\0", 12) + 5]
    header = query[:2] + bytes.fromhex("8180 0001 0001 0000 0000")
    return header + question + bytes.fromhex("c00c 0001 0001 0000003c 0004") + bytes((192, 0, 2, 1))


def test_dig_gets_its_answer(net: Network, start: Start) -> None:
    start(RULES)
    with servers.udp(net.far, "::", 53, name_server):
        for address in (FAR4, FAR6):
            done = net.client.run("dig", "+short", "+tries=1", "+time=2", f"@{address}", "example.org")
            assert done.stdout.strip() == "192.0.2.1"


def test_unreachable_is_told_through_nat(net: Network, start: Start) -> None:
    start(RULES)
    assert probes.udp(net.client, FAR4, 9) == probes.REFUSED
    assert probes.tcp(net.client, FAR4, 9) == probes.REFUSED
    assert probes.udp(net.client, FAR6, 9) == probes.REFUSED
