"""The daemon's life: reload under load, death and restart, what it leaves of itself and of others."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conntrack.cli.lab import probes, servers
from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.namespace import LabError, Namespace
from conntrack.cli.lab.network import FAR4, OUTSIDE4, Network
from conntrack.cli.lab.waiting import until
from tests.netns.conftest import BASE, Start

RULES = (
    BASE
    + """\
nat:
  - {masquerade: wan, from: [lan]}
policy:
  lan -> wan: accept
  self -> wan: accept
"""
)
#: another tool's rules, in both languages
FOREIGN = "table ip other { chain c { type filter hook forward priority 10; ip daddr 203.0.113.99 drop; }; }\n"


def hooks(host: Namespace) -> str:
    """All rules of a namespace: nftables' (iptables-nft's among them) and legacy iptables'.

    Without counters, and without chains and tables in which nothing stands: iptables makes those when it first looks.
    """
    shown = host.run("nft", "list", "ruleset").stdout
    for tool in ("iptables-legacy-save", "ip6tables-legacy-save"):
        shown += "".join(line for line in host.run(tool).stdout.splitlines(True) if line.startswith("-A"))
    shown = re.sub(r"packets \d+ bytes \d+", "", shown)
    shown = re.sub(r"\tchain \w+ \{\n\t\ttype [^\n]*policy accept;\n\t\}\n", "", shown)
    return re.sub(r"table \w+ \w+ \{\n*\}\n", "", re.sub(r"\n+", "\n", shown))


class Load:
    """Datagrams from client to far and back, 500 a second, each numbered, until the block ends."""

    def __init__(self, net: Network) -> None:
        self.sent = 0
        self.answered: set[int] = set()
        self._ended = threading.Event()
        self._socket = net.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=0.5)
        self._socket.connect((FAR4, 7000))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._receive)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()
            self._socket.close()

    def lost(self) -> set[int]:
        return set(range(self.sent)) - self.answered

    def _send(self) -> None:
        while not self._ended.is_set():
            self._socket.send(self.sent.to_bytes(4, "big"))
            self.sent += 1
            time.sleep(0.002)

    def _receive(self) -> None:
        with contextlib.suppress(TimeoutError):  # half a second of silence after the last one
            while True:
                self.answered.add(int.from_bytes(self._socket.recv(4), "big"))


def test_reload_under_load_loses_no_packet(net: Network, start: Start) -> None:
    daemon = start(RULES)
    load = Load(net)
    with servers.udp(net.far, FAR4, 7000, lambda data, _peer: data), load.running():
        for generation in range(5):
            daemon.reload(RULES + f"  wan -> self:\n    - {{name: rule-{generation}, accept: [ping]}}\n")
        until(lambda: load.sent > 200, "200 datagrams are sent")
    assert load.lost() == set()
    assert "rule-4" in daemon.ask("rules").stdout


def test_a_bad_file_leaves_the_old_rules_in_force(net: Network, start: Start) -> None:
    daemon = start(RULES)
    daemon.reload(RULES.replace("lan -> wan: accept", "lan -> wan: acept"))
    with servers.udp(net.far, FAR4, 7000):
        assert probes.udp(net.client, FAR4, 7000).startswith("far sees")
    log = daemon.process.output()
    assert "rules.yaml:" in log
    assert "acept" in log


def test_a_failing_test_of_the_file_leaves_the_old_rules_in_force(net: Network, start: Start) -> None:
    daemon = start(RULES)
    daemon.reload(
        RULES.replace("lan -> wan: accept", "lan -> wan: drop")
        + f"tests:\n  - lan 192.168.10.5 -> {FAR4} tcp/80 = accept\n"
    )
    with servers.udp(net.far, FAR4, 7000):
        assert probes.udp(net.client, FAR4, 7000).startswith("far sees")


def test_connections_outlive_a_reload_that_would_refuse_them(net: Network, start: Start) -> None:
    daemon = start(RULES)
    with servers.http(net.far, FAR4, 80), net.client.socket(socket.AF_INET, socket.SOCK_STREAM) as open_one:
        open_one.connect((FAR4, 80))
        daemon.reload(RULES.replace("lan -> wan: accept", "lan -> wan: drop"))
        assert probes.tcp(net.client, FAR4, 80, timeout=0.5) == probes.TIMEOUT
        open_one.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"far sees" in open_one.makefile("rb").read()


def test_leaves_no_rule_behind_and_another_tool_s_alone(net: Network, start: Start) -> None:
    net.gateway.run("nft", "-f", "-", text=FOREIGN)
    net.gateway.run("iptables", "-A", "FORWARD", "-d", "203.0.113.98", "-j", "DROP")
    before = hooks(net.gateway)
    daemon = start(RULES)
    during = hooks(net.gateway)
    assert during != before
    for theirs in ("203.0.113.99", "203.0.113.98"):
        assert theirs in during
    assert daemon.stop() == 0
    assert hooks(net.gateway) == before


@pytest.mark.parametrize(("on_failure", "outcome"), [("drop", probes.TIMEOUT), ("bypass", "far sees")])
def test_when_it_dies_packets_are_dropped_or_pass_as_the_file_says(
    net: Network, start: Start, on_failure: str, outcome: str
) -> None:
    rules = BASE + f"settings: {{on-failure: {on_failure}}}\npolicy:\n  any -> any: accept\n"
    daemon = start(rules)
    net.server.ip("route add 192.168.10.0/24 via 198.51.100.2")
    net.far.ip("route replace default via 203.0.113.1")
    with servers.udp(net.far, FAR4, 7000):
        assert probes.udp(net.client, FAR4, 7000).startswith("far sees")
        daemon.process.signal(signal.SIGKILL)
        daemon.process.wait(5)
        assert probes.udp(net.client, FAR4, 7000, timeout=0.5).startswith(outcome)


def test_a_killed_one_is_followed_by_a_new_one(net: Network, start: Start) -> None:
    first = start(RULES)
    before = hooks(net.gateway)
    first.process.signal(signal.SIGKILL)
    first.process.wait(5)
    first.stop()
    second = start(RULES)
    assert hooks(net.gateway) == before
    with servers.udp(net.far, FAR4, 7000):
        assert probes.udp(net.client, FAR4, 7000).startswith(f"far sees {OUTSIDE4}")
    assert second.stop() == 0


def test_established_tcp_is_picked_up_after_a_restart(net: Network, start: Start) -> None:
    """`loose`, the default: connections that are not translated go on. Those that are need their old port: see docs."""
    rules = BASE + "policy:\n  lan -> wan: accept\n"
    first = start(rules)
    address = "2001:db8:113::77"
    with servers.http(net.far, "::", 80), net.client.socket(socket.AF_INET6, socket.SOCK_STREAM) as open_one:
        open_one.connect((address, 80))
        first.stop()
        start(rules)
        open_one.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"far sees" in open_one.makefile("rb").read()


def test_a_second_instance_is_refused(net: Network, start: Start, tmp_path: Path) -> None:
    daemon = start(RULES)
    rules = hooks(net.gateway)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(LabError, match="already runs"):
        Daemon(net.gateway, RULES, other, "--control", str(daemon.control))
    with pytest.raises(LabError, match="ended with 1"):  # another control socket, the same packet queue
        Daemon(net.gateway, RULES, other)
    assert hooks(net.gateway) == rules
    with servers.udp(net.far, FAR4, 7000):
        assert probes.udp(net.client, FAR4, 7000).startswith("far sees")


def test_sysctls_are_named_and_left_alone_unless_asked(net: Network, backend: str, tmp_path: Path) -> None:
    with Daemon(net.gateway, RULES, tmp_path, "--queue-backend", backend, set_sysctls=False) as daemon:
        until(lambda: "net.ipv4.ip_forward" in daemon.process.output(), "the log names the sysctl")
        assert net.gateway.run("sysctl", "-n", "net.ipv4.ip_forward").stdout == "0\n"
    with Daemon(net.gateway, RULES, tmp_path, "--queue-backend", backend) as daemon:
        assert net.gateway.run("sysctl", "-n", "net.ipv4.ip_forward").stdout == "1\n"


def test_needs_no_more_than_cap_net_admin(net: Network, backend: str, tmp_path: Path) -> None:
    """As systemd starts it: another user, no way to get more. That user must read this clone, wherever it is."""
    user = pwd.getpwnam("nobody")
    folder = tmp_path / "own"
    folder.mkdir()
    os.chown(folder, user.pw_uid, user.pw_gid)
    net.gateway.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
    sets = (f"--{name}=-all,+net_admin,+dac_read_search" for name in ("bounding-set", "inh-caps", "ambient-caps"))
    drop = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--no-new-privs", *sets]
    with (
        Daemon(net.gateway, RULES, folder, "--queue-backend", backend, set_sysctls=False, prefix=drop) as daemon,
        servers.udp(net.far, FAR4, 7000),
    ):
        status = Path(f"/proc/{daemon.process.pid}/status").read_text()
        granted = dict(line.split(":\t", 1) for line in status.splitlines())["CapEff"]
        assert int(granted, 16) == 1 << 12 | 1 << 2
        assert probes.udp(net.client, FAR4, 7000).startswith(f"far sees {OUTSIDE4}")
        daemon.reload(RULES)
        assert daemon.stop() == 0
