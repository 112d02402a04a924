"""The daemon ends, is killed, comes back: what it carries goes on meanwhile, and is found again."""

from __future__ import annotations

import signal
import socket
import threading
import time
from typing import Self

import pytest

from conntrack.cli.lab import probes
from conntrack.cli.lab.daemon import client
from conntrack.cli.lab.network import SERVER4, SERVER6, Network
from conntrack.cli.lab.waiting import until
from conntrack.gateway.fastpath import loader
from tests.netns.fastpath import RULES, Launch, carried, drops, fast, flow, flows
from tests.netns.streams import Streams
from tests.netns.talk import Talk

pytestmark = pytest.mark.skipif(not loader.OBJECT.exists(), reason="this package was built without the fast path")

TRANSFERS = 100
#: seconds without a daemon
GONE = 10.0


def test_a_hundred_transfers_outlive_ten_seconds_without_a_daemon(net: Network, launch: Launch) -> None:
    first = launch()
    talks = [Talk(net.client, SERVER4, 1000 + number, net.server) for number in range(TRANSFERS - 10)]
    talks += [Talk(net.client, SERVER6, 2000 + number, net.server) for number in range(10)]
    with Streams(talks) as streams:
        until(lambda: len(fast(first)) == TRANSFERS, "all are carried")
        first.process.signal(signal.SIGKILL)
        first.process.wait(5)
        back = time.monotonic() + GONE
        before = streams.arrived()
        assert probes.tcp(net.client, SERVER4, 80, timeout=1) == probes.TIMEOUT  # on-failure: drop
        time.sleep(max(0.0, back - time.monotonic()))
        assert all(now > then + 20_000 for then, now in zip(before, streams.arrived(), strict=True))
        second = launch()
        found = flows(second)
        assert len(found) == TRANSFERS
        assert {one["path"] for one in found} == {"fast"}
        assert {one["state"] for one in found} == {"ESTABLISHED"}
        assert all(one["rule"].startswith("lan -> wan #1") for one in found)
        assert probes.tcp(net.client, SERVER4, 80) == "refused"
        assert streams.drain()
        assert streams.trouble == []
        streams.finish()
    until(lambda: {one["state"] for one in flows(second)} <= {"TIME_WAIT", "CLOSE"}, "all are closed in order")
    assert drops(second) == {}


def test_new_connections_pass_meanwhile_where_the_rules_say_bypass(net: Network, launch: Launch) -> None:
    daemon = launch(RULES.replace("fastpath: tc", "fastpath: tc, on-failure: bypass"))
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        until(lambda: carried(daemon, talk), "it is carried")
        daemon.process.signal(signal.SIGKILL)
        daemon.process.wait(5)
        talk.both()
        assert probes.tcp(net.client, SERVER6, 80) == "refused"  # IPv6 is routed, so an answer comes back


def test_an_upgrade_loses_no_packet(net: Network, launch: Launch) -> None:
    """The program is swapped under running datagrams, every one of which arrives."""
    rules = RULES.replace("fastpath: tc", "fastpath: tc, fastpath-on-exit: keep")
    first = launch(rules)
    with (
        net.server.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        net.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
    ):
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        far.bind((SERVER4, 53))
        near.connect((SERVER4, 53))
        for _ in range(4):
            near.send(b"0")
            far.sendto(b"0", far.recvfrom(9)[1])
            near.recv(9)
        until(lambda: len(fast(first)) == 1, "it is carried")
        with Numbers(near) as numbers:
            first.stop()
            second = launch(rules)
            until(lambda: len(fast(second)) == 1, "it is carried by the new program")
        arrived = [int(far.recv(9)) for _ in range(numbers.sent)]
    assert arrived == list(range(1, numbers.sent + 1))
    assert numbers.sent > 100
    assert drops(second) == {}


class Numbers:
    """Sends 1, 2, 3 … meanwhile, about five hundred a second."""

    def __init__(self, out: socket.socket) -> None:
        self.sent = 0
        self._out = out
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.002):
            self.sent += 1
            self._out.send(str(self.sent).encode())


def test_an_orderly_end_leaves_nothing_unless_it_is_told_to(net: Network, launch: Launch) -> None:
    first = launch()
    first.stop()
    assert "nothing to remove" in client(net.gateway, "unload").stdout
    second = launch(RULES.replace("fastpath: tc", "fastpath: tc, fastpath-on-exit: keep"))
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        until(lambda: carried(second, talk), "it is carried")
        second.stop()
        third = launch()
        assert flow(third, talk.port)["path"] == "fast"
        talk.both()
        talk.finish()


def test_unload_removes_what_a_killed_daemon_left(net: Network, launch: Launch) -> None:
    daemon = launch()
    daemon.process.signal(signal.SIGKILL)
    daemon.process.wait(5)
    assert "removed /run/pairwall/bpf/net" in client(net.gateway, "unload").stdout
    assert "nothing to remove" in client(net.gateway, "unload").stdout
