"""What counters, limits, marks and DSCP say means the same of carried connections."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import conntrack
from conntrack.cli.lab import probes
from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.network import SERVER4, SERVER6, Network
from conntrack.cli.lab.process import Process
from conntrack.cli.lab.waiting import until
from conntrack.gateway.fastpath import loader
from tests.netns.fastpath import RULES, Launch, await_carried, drops, flow, status
from tests.netns.talk import Talk

pytestmark = pytest.mark.skipif(not loader.OBJECT.exists(), reason="this package was built without the fast path")

BULK = 4 << 20
HEADERS = 52
PAGE = "127.0.0.1:9469"
IP_RECVTOS = 13  # linux/in.h
EXPEDITED = 46


def sample(page: str, name: str, **labels: str) -> float:
    """One number of the metrics page."""
    for line in page.splitlines():
        if line.startswith(name) and all(f'{label}="{value}"' in line for label, value in labels.items()):
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError(f"{name} {labels} is not on the page")


@contextlib.contextmanager
def watching(net: Network, daemon: Daemon, log: Path) -> Iterator[Process]:
    """`pairwall flows watch`, from when it is heard."""
    words = [sys.executable, "-P", "-m", "conntrack.cli.main", "flows", "watch", "-o", "jsonl"]
    environment = {"PYTHONPATH": str(Path(conntrack.__file__).parents[1])}
    with Process(net.gateway, [*words, "--control", str(daemon.control)], log, environment) as process:
        until(lambda: probes.tcp(net.client, SERVER4, 9, 1) and process.output(), "it hears of new flows")
        yield process


@pytest.mark.parametrize("offload", [True], indirect=True)
def test_bytes_counted_are_bytes_sent_wherever_they_are_shown(net: Network, launch: Launch, tmp_path: Path) -> None:
    """Joined packets: in the flow's list, in the metrics of its zones, in the event of its end."""
    daemon = launch(RULES.replace("listen: off", f"listen: '{PAGE}'"))
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        await_carried(daemon, talk)
        talk.up(BULK)
        talk.down(BULK)
        listed = flow(daemon, talk.port)
        page = net.gateway.run("curl", "-sS", f"http://{PAGE}/metrics").stdout
        for side, zones in (("original", ("lan", "wan")), ("reply", ("wan", "lan"))):
            size, count = listed[side]["bytes"], listed[side]["packets"]
            assert BULK < size - count * HEADERS < BULK * 1.05
            labels = {"from_zone": zones[0], "to_zone": zones[1], "verdict": "accept"}
            assert sample(page, "pairwall_bytes_total", **labels) == size
            assert sample(page, "pairwall_packets_total", **labels) == count
        with watching(net, daemon, tmp_path / "events") as watch:
            assert flow(daemon, talk.port)["path"] == "fast"
            assert "deleted" in daemon.ask("flows", "delete", str(listed["id"])).stdout
            until(lambda: f'"id": {listed["id"]},' in watch.output(), "its end is told")
    [event] = [one for one in map(json.loads, watch.output().splitlines()) if one["id"] == listed["id"]]
    assert (event["event"], event["reason"]) == ("end", "deleted")
    for side in ("original", "reply"):
        assert event[side]["bytes"] == listed[side]["bytes"]
        assert event[side]["packets"] == listed[side]["packets"]


LIMITED = RULES.replace("lan -> wan: accept", "lan -> wan: [{accept: any, limit: 3/hour per source burst 3}]")


def test_a_rate_limit_counts_connections_wherever_their_packets_go(net: Network, launch: Launch) -> None:
    """What is carried neither takes tokens, however many packets it is, nor gives any back."""
    daemon = launch(LIMITED)
    with Talk(net.client, SERVER4, 80, net.server) as one, Talk(net.client, SERVER4, 81, net.server) as two:
        await_carried(daemon, one)
        await_carried(daemon, two)
        one.up(1 << 20)
        assert probes.tcp(net.client, SERVER4, 82) == "refused"
        assert probes.tcp(net.client, SERVER4, 82, timeout=0.4) == probes.TIMEOUT
        assert probes.tcp(net.shop, SERVER4, 82) == "refused"  # another source
        await_carried(daemon, one)


def test_connections_per_source_are_limited_carried_or_not(net: Network, launch: Launch) -> None:
    daemon = launch(RULES.replace("fastpath: tc", "fastpath: tc, per-source: 2"))
    with Talk(net.client, SERVER4, 80, net.server) as one:
        with Talk(net.client, SERVER4, 81, net.server) as two:
            await_carried(daemon, one)
            await_carried(daemon, two)
            assert probes.tcp(net.client, SERVER4, 82, timeout=0.4) in (probes.TIMEOUT, "prohibited")
            found = flow(daemon, two.port)
        assert "deleted" in daemon.ask("flows", "delete", str(found["id"])).stdout
        assert probes.tcp(net.client, SERVER4, 82) == "refused"
        await_carried(daemon, one)


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_dscp_and_mark_are_set_and_the_congestion_bits_left(net: Network, launch: Launch, server: str) -> None:
    daemon = launch(RULES.replace("lan -> wan: accept", "lan -> wan: [{accept: any, dscp: ef, mark: 7}]"))
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    level, ask, give = (
        (socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, socket.IPV6_TCLASS)
        if family == socket.AF_INET6
        else (socket.IPPROTO_IP, IP_RECVTOS, socket.IP_TOS)
    )
    with (
        net.server.socket(family, socket.SOCK_DGRAM) as far,
        net.client.socket(family, socket.SOCK_DGRAM) as near,
    ):
        far.bind((server, 53))
        far.setsockopt(level, ask, 1)
        near.setsockopt(level, give, 0x28 | 1)  # AF11, ECT(1)
        near.connect((server, 53))

        def carried_after_an_exchange() -> bool:
            near.send(b"?")
            _, extra, _, back = far.recvmsg(9, 64)
            assert [data[0] for _, _, data in extra] == [EXPEDITED << 2 | 1]
            far.sendto(b"!", back)
            assert near.recv(9) == b"!"
            return int(status(daemon)["packets"]) >= 6

        until(carried_after_an_exchange, "the flow is carried", 20)
        found = flow(daemon, near.getsockname()[1])
        assert (found["path"], found["mark"]) == ("fast", 7)
    assert drops(daemon) == {}
