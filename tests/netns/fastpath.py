"""What tests of the fast path ask the daemon, and the rules that most of them start it with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.waiting import until
from tests.netns.conftest import BASE
from tests.netns.talk import Talk

RULES = (
    BASE
    + """\
settings: {fastpath: tc, metrics: {listen: off}, timeouts: {udp: {unreplied: 2, replied: 3}}}
nat:
  - {name: internet, masquerade: wan, from: [lan], family: ipv4}
  - {name: shop, forward: tcp/8080, at: wan, to: "192.168.10.20:80", hairpin: [lan]}
policy:
  lan -> wan: accept
"""
)

#: starts a daemon with a folder of its own, `launch(rules, *options, prefix=())`; see conftest.py
Launch = Callable[..., Daemon]


def status(daemon: Daemon) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(daemon.ask("status", "-o", "json").stdout)["fastpath"]
    return found


def flows(daemon: Daemon) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(daemon.ask("flows", "list", "-o", "json").stdout)
    return found


def flow(daemon: Daemon, port: int) -> dict[str, Any]:
    """The flow with this source port."""
    [found] = [one for one in flows(daemon) if one["original"].get("source_port") == port]
    return found


def fast(daemon: Daemon) -> set[int]:
    """The source ports of all carried flows."""
    return {one["original"]["source_port"] for one in flows(daemon) if one["path"] == "fast"}


def fast_count(daemon: Daemon) -> int:
    """How many flows are carried; connections to several ports may have one source port."""
    return sum(1 for one in flows(daemon) if one["path"] == "fast")


def drops(daemon: Daemon) -> dict[str, int]:
    found: dict[str, int] = json.loads(daemon.ask("stats", "-o", "json").stdout)["drops"]
    return found


def carried(daemon: Daemon, talk: Talk) -> bool:
    """Whether a talk is in the fast path now, after another exchange."""
    talk.both()
    return bool(flow(daemon, talk.port)["path"] == "fast")


def await_carried(daemon: Daemon, talk: Talk) -> None:
    """Talks until it is in the fast path: on a busy machine a packet that was overtaken may bring it back once."""
    until(lambda: carried(daemon, talk), "the fast path carries it", 20)
