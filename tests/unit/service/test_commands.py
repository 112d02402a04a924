"""What the control socket answers, with a real engine behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conntrack.service.commands import Commands, Parts
from conntrack.service.configuration import Configuration
from conntrack.service.control import Command
from conntrack.service.events import Events
from conntrack.service.flow_commands import FlowCommands
from conntrack.service.mapping_commands import MappingCommands
from conntrack.service.naming import naming
from conntrack.service.nat_commands import NatCommands
from conntrack.service.notify import Notifier
from conntrack.service.port_blocks import PortBlocks
from conntrack.service.protocol import MISSING, USAGE, Item, Refused, encode, error
from conntrack.service.reload import Reloader
from tests.host import Host
from tests.unit.service.asking import Asking

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
sets:
  admins: {members: [198.51.100.0/24]}
nat:
  - {name: internet, masquerade: wan, from: [lan]}
policy:
  lan -> wan:
    - {name: no-mail, drop: [tcp/25]}
    - {name: outbound, accept: any}
  wan -> self:
    - {name: admin, accept: [ssh], source: admins, log: new, mark: 5}
"""


class Scene(Asking):
    """A gateway with three flows, and its commands."""

    def __init__(self) -> None:
        self.host = Host(RULES)
        self.host.arrive("lan", "tcp 192.168.10.5:40000 > 1.1.1.1:443 SYN seq=1")
        self.host.arrive("lan", "udp 192.168.10.6:40000 > 9.9.9.9:53")
        self.host.arrive("wan", "tcp 198.51.100.9:40000 > 203.0.113.1:22 SYN seq=1")
        self.host.arrive("lan", "tcp 192.168.10.5:40001 > 1.1.1.1:25 SYN seq=1")
        engine = self.host.engine
        flows = naming(engine)
        self.events = Events(flows)
        engine.observe(self.events)
        configuration = Configuration(Path("rules.yaml"))

        async def never(_: Any) -> None:
            raise AssertionError

        async def make() -> Reloader:
            return Reloader(configuration, never, Notifier({}), lambda: "")

        parts = Parts(engine, flows, configuration, asyncio.run(make()), lambda: {"pid": 1}, lambda: 1.7e9)
        flow_commands = FlowCommands(engine, flows, self.events, lambda: self.host.now)
        self.blocks = PortBlocks(engine, lambda: self.host.now, lambda: 1.7e9 + self.host.now)
        engine.ports.blocks.ledger = self.blocks
        mappings = MappingCommands(engine, flows, lambda: self.host.now)
        nat_commands = NatCommands(engine, flows, self.blocks, mappings)
        self.table: dict[str, Command] = dict(Commands(parts, flow_commands, nat_commands).table())


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_changes_and_what_does_not(scene: Scene) -> None:
    assert {name for name, command in scene.table.items() if command.changes} == {
        "flows delete",
        "nat map",
        "nat unmap",
        "reload",
    }


def test_flows(scene: Scene) -> None:
    web, dns, ssh = scene.ask("flows list")
    assert (web["state"], web["original"]["destination"], web["nat"]) == ("SYN_SENT", "1.1.1.1", ["source"])
    assert (dns["protocol"], dns["zone_in"], dns["zone_out"]) == ("udp", "lan", "wan")
    assert (ssh["zone_out"], ssh["mark"], ssh["rule"].split(" ")[0]) == ("self", 5, "admin")


def test_flows_by_filter_and_limit(scene: Scene) -> None:
    assert [flow["protocol"] for flow in scene.ask("flows list", filters={"port": 53})] == ["udp"]
    assert len(scene.ask("flows list", filters={"zone": "lan"})) == 2
    assert len(scene.ask("flows list", limit=1)) == 1
    assert scene.ask("flows list", filters={"rule": "nobody"}) == []


def test_a_listing_survives_what_happens_meanwhile(scene: Scene) -> None:
    """One flow ends and another begins between two turns."""
    answer = scene.table["flows list"].run({})
    assert isinstance(answer, Iterator)
    first = next(answer)
    scene.ask("flows delete", filters={"protocol": "udp"})
    scene.host.arrive("lan", "udp 192.168.10.7:40000 > 9.9.9.9:53")
    rest = [item for item in answer if item is not None]
    assert first is not None
    assert first["protocol"] == "tcp"
    assert [flow["original"]["destination_port"] for flow in rest] == [22]


def test_one_flow(scene: Scene) -> None:
    identity = scene.ask("flows list")[1]["id"]
    (flow,) = scene.ask("flows get", id=identity)
    assert flow["protocol"] == "udp"
    assert scene.refused("flows get", id=4711).kind == MISSING
    assert scene.refused("flows get").kind == USAGE
    assert scene.refused("flows get", id="1").kind == USAGE
    assert scene.refused("flows get", id=True).kind == USAGE


def test_deleted_flows_are_gone_and_counted(scene: Scene) -> None:
    assert scene.ask("flows delete", filters={"source": "192.168.10.5"}) == [{"deleted": 1}]
    assert len(scene.host.engine.table) == 2
    assert scene.ask("stats")[0]["ended"] == {"deleted": 1}
    identities = [flow["id"] for flow in scene.ask("flows list")]
    assert scene.ask("flows delete", ids=[*identities, 4711]) == [{"deleted": 2}]
    assert scene.ask("flows delete", filters={}) == [{"deleted": 0}]


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("flows list", {"filters": 3}),
        ("flows list", {"filters": {"prot": "tcp"}}),
        ("flows list", {"limit": "many"}),
        ("flows delete", {"ids": "1"}),
        ("flows delete", {"ids": ["1"]}),
        ("flows watch", {"event": "never"}),
        ("sets", {"holding": "all"}),
        ("explain", {"query": "lan -> wan"}),
        ("explain", {"query": "lam 192.168.10.5 -> 1.1.1.1 tcp/443"}),
    ],
)
def test_wrong_arguments_are_refused(command: str, arguments: Item, scene: Scene) -> None:
    assert scene.refused(command, **arguments).kind == USAGE


def test_watching(scene: Scene) -> None:
    async def watch() -> Item:
        answer = scene.table["flows watch"].run({"filters": {"protocol": "udp"}, "event": "new"})
        reading = asyncio.ensure_future(anext(answer))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        scene.host.arrive("lan", "tcp 192.168.10.5:40009 > 1.1.1.1:443 SYN seq=1")
        scene.host.arrive("lan", "udp 192.168.10.9:40000 > 9.9.9.9:53")
        found: Item = await reading
        await answer.aclose()  # type: ignore[union-attr]
        return found

    event = asyncio.run(watch())
    assert (event["event"], event["original"]["source"]) == ("new", "192.168.10.9")


def test_rules(scene: Scene) -> None:
    rules = {rule["name"]: rule for rule in scene.ask("rules")}
    assert rules["no-mail"]["hits"] == 1
    assert rules["outbound"]["hits"] == 2
    assert (rules["admin"]["log"], rules["admin"]["mark"], rules["admin"]["action"]) == ("new", 5, "accept")
    assert (rules["established"]["pair"], rules["established"]["line"]) == ("built-in", 0)
    assert "default" not in rules  # there is one for every pair, and none has a hit
    assert [rule["name"] for rule in scene.ask("rules", pair="lan -> wan")] == ["no-mail", "outbound"]
    assert scene.ask("rules", pair="lan -> wan", unused=True) == []


def test_a_default_that_decided_is_listed(scene: Scene) -> None:
    scene.host.arrive("wan", "tcp 192.0.2.9:40000 > 203.0.113.1:80 SYN seq=1")
    (default,) = [rule for rule in scene.ask("rules") if rule["name"] == "default"]
    assert (default["pair"], default["hits"]) == ("wan -> self", 1)


def test_nat(scene: Scene) -> None:
    (internet,) = scene.ask("nat")
    assert (internet["name"], internet["kind"], internet["zone"]) == ("internet", "masquerade", "wan")
    assert internet["hits"] == 2
    assert (internet["failures"], internet["addresses"], internet["ports"]) == (0, ["203.0.113.1"], None)
    assert internet["ports_held"] == 2


def test_sets(scene: Scene) -> None:
    (admins,) = scene.ask("sets")
    assert (admins["name"], admins["members"], admins["file"], admins["refreshed"]) == ("admins", 1, "", None)
    assert scene.ask("sets", holding="198.51.100.200") == [admins]
    assert scene.refused("sets", holding="192.0.2.1").kind == MISSING


def test_stats(scene: Scene) -> None:
    (stats,) = scene.ask("stats")
    assert stats["connections"] == {
        "count": 3,
        "limit": 262144,
        "by_protocol": {"tcp": {"SYN_SENT": 2}, "udp": {"UNREPLIED": 1}},
    }
    assert stats["created"] == 3
    assert stats["drops"] == {"policy-drop": 1}
    assert stats["expectations"] == {"waiting": 0, "created": 0, "met": 0, "expired": 0, "refused": 0}
    pairs = {(row["from"], row["to"]): row for row in stats["packets"]}
    assert pairs["lan", "wan"] == {"from": "lan", "to": "wan", "accepted": 2, "dropped": 1, "rejected": 0, "bytes": 68}


def test_explain_asks_the_policy_in_force(scene: Scene) -> None:
    (told,) = scene.ask("explain", query="lan 192.168.10.5 -> 1.1.1.1 tcp/25")
    assert told["verdict"] == "drop"
    assert told["connections"][0]["rule"]["name"] == "no-mail"


def test_status(scene: Scene) -> None:
    assert scene.ask("status") == [{"pid": 1}]


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("nat whose", {"address": "\x00", "port": 1}),
        ("nat whose", {"address": "\ud800", "port": 1}),
        ("sets", {"holding": "1.2.3.4\x00"}),
        ("nat map", {"protocol": "tcp", "address": "192.168.10.5", "port": 80, "lifetime": 10**400}),
        ("flows list", {"filters": {"port": float("inf")}}),
        ("explain", {"query": "\ud800"}),
    ],
)
def test_what_no_client_of_ours_sends_is_refused_in_words_that_can_be_sent(
    scene: Scene, command: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refused:
        scene.ask(command, **arguments)
    line = encode(error(refused.value.kind, str(refused.value)))
    assert json.loads(line)["error"]["message"] == str(refused.value)
