"""The daemon ends, is killed, comes back: what it carries goes on meanwhile, and is found again."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Self

import pytest

import conntrack
from conntrack.cli.lab import probes
from conntrack.cli.lab.daemon import client
from conntrack.cli.lab.network import SERVER4, SERVER6, Network
from conntrack.cli.lab.process import Process
from conntrack.cli.lab.waiting import until
from conntrack.gateway.fastpath import loader, pins
from tests.netns.fastpath import RULES, Launch, await_carried, carried, drops, fast_count, flow, flows, status
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
        until(lambda: fast_count(first) == TRANSFERS, "all are carried")
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


def test_a_file_on_its_way_by_ftp_outlives_the_daemon(net: Network, launch: Launch) -> None:
    """No rule knows the port of its data connection: only the helper, which read the control connection, did."""
    rules = RULES.replace("lan -> wan: accept", "lan -> wan: [{name: files, accept: ftp}]")
    assert rules != RULES
    first = launch(rules)
    with Talk(net.client, SERVER4, 21, net.server) as control:
        say(control.near, control.far, b"EPSV\r\n")
        say(control.far, control.near, b"229 passive (|||5000|)\r\n")
        data = Talk(net.client, SERVER4, 5000, net.server)
        with Streams([data]) as streams:
            until(lambda: fast_count(first) == 1, "it is carried")
            first.process.signal(signal.SIGKILL)
            first.process.wait(5)
            second = launch(rules)
            found = flow(second, data.port)
            assert (found["path"], found["rule"].split()[0]) == ("fast", "files")
            assert streams.drain()
            assert streams.trouble == []
            streams.finish()
        assert probes.tcp(net.client, SERVER4, 5000, timeout=1) == probes.TIMEOUT
        say(control.near, control.far, b"NOOP\r\n")
        say(control.far, control.near, b"200 still here\r\n")


def say(speaker: socket.socket, listener: socket.socket, line: bytes) -> None:
    speaker.sendall(line)
    assert listener.recv(100) == line


def test_new_connections_pass_meanwhile_where_the_rules_say_bypass(net: Network, launch: Launch) -> None:
    daemon = launch(RULES.replace("fastpath: tc", "fastpath: tc, on-failure: bypass"))
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        await_carried(daemon, talk)
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
        until(lambda: fast_count(first) == 1, "it is carried")
        with Numbers(near) as numbers:
            first.stop()
            second = launch(rules)
            until(lambda: fast_count(second) == 1, "it is carried by the new program")
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
        await_carried(second, talk)
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


def test_unloaded_under_its_feet_the_daemon_goes_on_without_and_says_so(net: Network, launch: Launch) -> None:
    daemon = launch()
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        await_carried(daemon, talk)
        talk.up(1 << 20)
        client(net.gateway, "unload")
        talk.both()
        until(lambda: not status(daemon)["active"], "it has noticed", 20)
        assert "pairwall unload" in daemon.ask("status").stdout
        assert flow(daemon, talk.port)["path"] == "slow"
        assert flow(daemon, talk.port)["original"]["bytes"] > 1 << 20
        talk.both()
        talk.finish()
    assert drops(daemon) == {}


def test_another_limit_of_connections_loses_none(net: Network, launch: Launch) -> None:
    """The maps are of another size then: what was in the old ones moves."""
    first = launch(RULES.replace("fastpath: tc", "fastpath: tc, connections: 1000"))
    talks = [Talk(net.client, SERVER4, 1000 + number, net.server) for number in range(20)]
    talks.append(Talk(net.client, SERVER6, 80, net.server))
    with Streams(talks) as streams:
        until(lambda: fast_count(first) == len(talks), "all are carried")
        first.process.signal(signal.SIGKILL)
        first.process.wait(5)
        second = launch(RULES.replace("fastpath: tc", "fastpath: tc, connections: 5000"))
        assert len(flows(second)) == len(talks)
        assert status(second)["connections"]["limit"] == 5000
        until(lambda: fast_count(second) == len(talks), "all are carried in the new maps")
        assert streams.drain()
        streams.finish()
    until(lambda: {one["state"] for one in flows(second)} == {"TIME_WAIT"}, "all are closed in order")
    assert drops(second) == {}


def run_words(folder: Path, rules: str = RULES) -> list[str]:
    """`pairwall run`, with its files in a folder."""
    (folder / "rules.yaml").write_text(rules)
    where = ["--rules", str(folder / "rules.yaml"), "--control", str(folder / "control.sock")]
    return [sys.executable, "-P", "-m", "conntrack.cli.main", "run", *where, "--set-sysctls"]


def ours() -> dict[str, str]:
    """Makes another process import the package that this one did."""
    return {"PYTHONPATH": str(Path(conntrack.__file__).parents[1])}


def test_told_to_end_while_it_starts_it_leaves_nothing(net: Network, tmp_path: Path) -> None:
    with net.gateway.entered():
        here = pins.folder()
    process = Process(net.gateway, run_words(tmp_path), tmp_path / "log", ours())
    until(here.exists, "it has begun to load the fast path")
    process.signal(signal.SIGTERM)
    assert process.wait(15) == 0, process.output()
    assert not here.exists()
    assert "pairwall" not in net.gateway.run("iptables-save").stdout


def test_a_second_instance_leaves_the_first_ones_fast_path_alone(net: Network, launch: Launch, tmp_path: Path) -> None:
    daemon = launch()
    other = tmp_path / "other"
    other.mkdir()
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        await_carried(daemon, talk)
        with Process(net.gateway, run_words(other), other / "log", ours()) as second:
            assert second.wait(20) != 0, second.output()
        assert flow(daemon, talk.port)["path"] == "fast"
        await_carried(daemon, talk)


def test_one_that_is_to_do_without_leaves_the_first_ones_fast_path_alone(
    net: Network, launch: Launch, tmp_path: Path
) -> None:
    daemon = launch()
    other = tmp_path / "other"
    other.mkdir()
    rules = RULES.replace("fastpath: tc", "fastpath: off, queue: {number: 7}")
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        await_carried(daemon, talk)
        with Process(net.gateway, run_words(other, rules), other / "log", ours()) as second:
            until(lambda: "started" in second.output(), "it runs")
            with net.gateway.entered():
                assert pins.folder().exists()


#: starts a command without the capabilities that the fast path takes
UNPRIVILEGED = (
    "setpriv",
    "--no-new-privs",
    *(f"--{name}=-all,+net_admin,+dac_override" for name in ("bounding-set", "inh-caps", "ambient-caps")),
)


def test_without_the_privilege_nothing_goes_on_behind_its_back(net: Network, launch: Launch) -> None:
    """What a daemon left that had the privilege ends: it would obey rules that are not in force."""
    daemon = launch()
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        await_carried(daemon, talk)
        daemon.process.signal(signal.SIGKILL)
        daemon.process.wait(5)
        talk.both()
        second = launch(
            RULES.replace("fastpath: tc", "fastpath: auto, loose: no").replace("wan: accept", "wan: drop"),
            prefix=UNPRIVILEGED,
        )
        assert not status(second)["active"]
        talk.near.send(b"!")
        talk.far.settimeout(1)
        with pytest.raises(TimeoutError):
            talk.far.recv(1)
    assert "nothing to remove" in client(net.gateway, "unload").stdout


def test_without_the_privilege_it_says_so_and_judges_everything_itself(net: Network, launch: Launch) -> None:
    net.gateway.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
    daemon = launch(prefix=UNPRIVILEGED)
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        assert not carried(daemon, talk)
        found = status(daemon)
        assert not found["active"]
        assert "CAP_BPF" in found["why"]
        assert "CAP_BPF" in daemon.ask("status").stdout
        talk.finish()
    assert drops(daemon) == {}
