"""Mappings as the control socket asks for them, ends them and lists them."""

from __future__ import annotations

import pytest

from conntrack.service.mapping_commands import MappingCommands
from conntrack.service.naming import naming
from conntrack.service.protocol import FAILED, MISSING, USAGE, Item
from tests.host import Host
from tests.unit.service.asking import Asking

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: internet, masquerade: wan, from: lan, mapping: endpoint-independent}
policy:
  lan -> wan: accept
"""
INSIDE = {"protocol": "tcp", "address": "192.168.10.5", "port": 8080}


class Scene(Asking):
    def __init__(self) -> None:
        self.host = Host(RULES)
        engine = self.host.engine
        self.table = MappingCommands(engine, naming(engine), lambda: self.host.now).table()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_asking_and_listing(scene: Scene) -> None:
    [mapping] = scene.ask("nat map", **INSIDE, outside_port=9000, lifetime=60)
    assert mapping == {
        "protocol": "tcp",
        "address": "192.168.10.5",
        "port": 8080,
        "outside_address": "203.0.113.1",
        "outside_port": 9000,
        "connections": 0,
        "open": True,
        "zone": "wan",
        "owner": "administrator",
        "expires": 60,
    }
    scene.host.wait(20)
    scene.host.arrive("wan", "tcp 198.51.100.9:1 > 203.0.113.1:9000 SYN seq=1")
    assert scene.ask("nat mappings") == [{**mapping, "connections": 1, "expires": 40}]


def test_mappings_of_connections_are_listed_too(scene: Scene) -> None:
    scene.host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    [mapping] = scene.ask("nat mappings")
    assert (mapping["connections"], mapping["open"], mapping["zone"]) == (1, False, "")
    assert (mapping["owner"], mapping["expires"]) == (None, None)


def test_ending(scene: Scene) -> None:
    scene.ask("nat map", **INSIDE)
    [ended] = scene.ask("nat unmap", **INSIDE, zone="lan")
    assert ended["port"] == 8080
    assert scene.ask("nat mappings") == []
    assert scene.refused("nat unmap", **INSIDE).kind == MISSING


def test_only_root_may_ask_and_end(scene: Scene) -> None:
    assert {name: command.changes for name, command in scene.table.items()} == {
        "nat mappings": False,
        "nat map": True,
        "nat unmap": True,
    }


def test_what_the_engine_refuses_is_told(scene: Scene) -> None:
    refusal = scene.refused("nat map", **{**INSIDE, "address": "192.168.10.1"})
    assert refusal.kind == FAILED
    assert str(refusal).startswith("not-inside: ")


@pytest.mark.parametrize(
    "wrong",
    [{"protocol": "smtp"}, {"port": 0}, {"port": "8080"}, {"address": "host"}, {"lifetime": 0}, {"zone": "dmz"}],
)
def test_usage(scene: Scene, wrong: Item) -> None:
    assert scene.refused("nat map", **{**INSIDE, **wrong}).kind == USAGE
