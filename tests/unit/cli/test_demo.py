"""The demo's parts that need no network: what counts as held, which figures are shown, when it refuses to begin.

The whole of it runs in tests/netns/test_scenes.py and in `make demo`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from conntrack.cli import demo
from conntrack.cli.lab import scenes
from conntrack.cli.lab.servers import sighting
from conntrack.service.exits import Failure
from conntrack.service.loading import fit_rules


def test_a_scene_holds_only_for_the_whole_expected_outcome() -> None:
    scene = scenes.SCENES[0]
    assert scene.held("far sees 198.51.100.2 port 40000")
    assert not scene.held("far sees 192.168.10.5 port 40000")  # untranslated
    assert not scene.held("far sees 198.51.100.2 port 40000 and more")
    assert not scene.held("no answer")


def test_every_scene_tells_success_from_silence_and_from_refusal() -> None:
    for scene in scenes.SCENES:
        assert not (scene.held("no answer") and scene.held("refused")), scene.title


def test_its_rules_are_fit_to_run(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(scenes.RULES)
    assert [rule.name for rule in fit_rules(path).policy.rules if rule.name == "no-mail"] == ["no-mail"]


def test_shows_the_main_figures_that_are_not_zero() -> None:
    page = """\
# HELP pairwall_connections Connections in the table.
pairwall_connections{protocol="tcp"} 2.0
pairwall_connections{protocol="udp"} 0.0
pairwall_connections_limit 262144.0
pairwall_loop_turns_total 7.0
pairwall_dropped_packets_total{reason="no-rule"} 1.0
"""
    assert demo._figures(page) == [
        'pairwall_connections{protocol="tcp"} 2.0',
        "pairwall_connections_limit 262144.0",
        'pairwall_dropped_packets_total{reason="no-rule"} 1.0',
    ]


def test_servers_name_an_ipv4_client_of_an_ipv6_socket_by_its_ipv4_address() -> None:
    assert (
        sighting("far", ("::ffff:198.51.100.2", 7))
        == sighting("far", ("198.51.100.2", 7))
        == "far sees 198.51.100.2 port 7"
    )


def test_refuses_to_begin_without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Failure, match="root"):
        demo.run(argparse.Namespace(keep=False, queue_backend="auto"))
