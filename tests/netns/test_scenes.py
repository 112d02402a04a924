"""The demo's scenes through the real daemon, on both queue backends; the kernel's NAT holds them too (test_lab.py)."""

from __future__ import annotations

import re
from pathlib import Path

from conntrack.cli.lab import scenes
from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.network import FAR4, OUTSIDE4, SHOP4, Network
from tests.netns.conftest import Start


def test_every_scene_holds(net: Network, start: Start) -> None:
    start(scenes.RULES)
    with scenes.services(net):
        outcomes = {scene.title: scene.run(net) for scene in scenes.SCENES}
    assert {
        scene.title: outcomes[scene.title] for scene in scenes.SCENES if not scene.held(outcomes[scene.title])
    } == {}


def test_every_scene_holds_with_offloads_on(backend: str, tmp_path: Path) -> None:
    """Packets then reach the queue in one piece of many segments, with checksums that are not made yet."""
    with (
        Network(offload=True) as net,
        Daemon(net.gateway, scenes.RULES, tmp_path, "--queue-backend", backend),
        scenes.services(net),
    ):
        wrong = {scene.title: outcome for scene in scenes.SCENES if not scene.held(outcome := scene.run(net))}
    assert wrong == {}


def test_the_table_tells_what_went_through(net: Network, start: Start) -> None:
    daemon = start(scenes.RULES)
    with scenes.services(net):
        outcomes = {scene.title: scene.run(net) for scene in scenes.SCENES}
        flows = daemon.ask("flows", "list", "-o", "conntrack", "--protocol", "tcp").stdout
    port = re.search(r"port (\d+)", outcomes["HTTP, masqueraded"])
    assert port is not None
    masqueraded = [line for line in flows.splitlines() if f"src={FAR4} dst={OUTSIDE4} sport=80 dport={port[1]}" in line]
    assert len(masqueraded) == 1, flows
    forwarded = [line for line in flows.splitlines() if f"dst={OUTSIDE4}" in line and f"src={SHOP4}" in line]
    assert len(forwarded) == 2, flows  # the port forward and its hairpin
    assert "sport=25 " not in flows
    assert "dport=25 " not in flows


def test_explains_what_was_blocked(net: Network, start: Start) -> None:
    daemon = start(scenes.RULES)
    explained = daemon.ask("explain", scenes.BLOCKED)
    assert explained.returncode == 3
    line = next(number for number, text in enumerate(scenes.RULES.splitlines(), 1) if "no-mail" in text)
    assert f"no-mail ({daemon.rules}:{line})" in explained.stdout
