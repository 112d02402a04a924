"""Rules with conditions that change while the daemon runs: limits, hours, sets."""

from __future__ import annotations

import os
import time
from pathlib import Path

from conntrack.cli.lab import probes, servers
from conntrack.cli.lab.network import FAR4, OUTSIDE4, Network
from conntrack.cli.lab.waiting import until
from tests.netns.conftest import BASE, Start


def test_a_limit_holds_for_each_source_by_itself(net: Network, start: Start) -> None:
    start(BASE + "policy:\n  wan -> self:\n    - {accept: [tcp/80], limit: 3/hour per source burst 3}\n")
    with servers.http(net.gateway, "::", 80):
        answers = [probes.tcp(net.far, OUTSIDE4, 80, timeout=0.4) for _ in range(5)]
        assert answers == ["connected"] * 3 + [probes.TIMEOUT] * 2
        assert probes.tcp(net.server, OUTSIDE4, 80) == "connected"


def test_connections_per_source_are_limited(net: Network, start: Start) -> None:
    start(BASE + "settings: {per-source: 2}\nnat:\n  - {masquerade: wan, from: [lan]}\npolicy:\n  lan -> wan: accept\n")
    with servers.udp(net.far, FAR4, 7000), servers.udp(net.far, FAR4, 7001), servers.udp(net.far, FAR4, 7002):
        answers = [probes.udp(net.client, FAR4, port) for port in (7000, 7001, 7002)]
        assert [answer.split()[0] for answer in answers] == ["far", "far", probes.PROHIBITED]
        assert probes.udp(net.shop, FAR4, 7002).startswith("far sees")


def test_a_schedule_opens_and_shuts(net: Network, start: Start) -> None:
    now = time.localtime()
    inside = f"{time.strftime('%a', now).lower()} 00:00-24:00"
    tomorrow = time.localtime(time.time() + 2 * 86400)
    outside = f"{time.strftime('%a', tomorrow).lower()} 00:00-24:00"
    start(
        BASE
        + f"""\
policy:
  wan -> self:
    - {{accept: [tcp/80], when: {inside}}}
    - {{accept: [tcp/81], when: {outside}}}
"""
    )
    with servers.http(net.gateway, "::", 80), servers.http(net.gateway, "::", 81):
        assert probes.tcp(net.far, OUTSIDE4, 80) == "connected"
        assert probes.tcp(net.far, OUTSIDE4, 81, timeout=0.5) == probes.TIMEOUT


def test_a_set_is_read_again_by_reload_and_by_its_own_clock(net: Network, start: Start, tmp_path: Path) -> None:
    members = tmp_path / "friends.txt"
    members.write_text("192.0.2.1\n")
    daemon = start(
        BASE
        + """\
sets:
  friends: {file: friends.txt, refresh: 1s}
policy:
  wan -> self:
    - {accept: [tcp/80], source: friends}
"""
    )
    with servers.http(net.gateway, "::", 80):
        assert probes.tcp(net.far, OUTSIDE4, 80, timeout=0.5) == probes.TIMEOUT
        replace(members, f"192.0.2.1\n{FAR4}\n")
        until(lambda: probes.tcp(net.far, OUTSIDE4, 80, timeout=0.5) == "connected", "the set is refreshed")
        replace(members, "not an address\n")
        daemon.reload()
        assert probes.tcp(net.far, OUTSIDE4, 80) == "connected"  # a bad file changes nothing
        replace(members, "192.0.2.1\n")
        daemon.reload()
        assert probes.tcp(net.far, OUTSIDE4, 80, timeout=0.5) == probes.TIMEOUT


def replace(path: Path, text: str) -> None:
    """Writes beside it and renames, as a careful script does."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    os.replace(fresh, path)
