"""The log of port blocks, and whose a port was, from a daemon's point of view."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from conntrack.service.port_blocks import PortBlocks, computed
from conntrack.service.protocol import Item
from tests.host import Host, address
from tests.unit.conformance.carrier import DETERMINISTIC, carrier

START = 1.7e9


class Scene:
    """A carrier's gateway whose clock stands at START when the engine's stands at 0."""

    def __init__(self, blocks: str) -> None:
        self.host = carrier(blocks)
        self.blocks = PortBlocks(self.host.engine, lambda: self.host.now, lambda: START + self.host.now)
        self.host.engine.ports.blocks.ledger = self.blocks

    def whose(self, outside: str, moment: float | None = None) -> list[Item]:
        where, _, port = outside.rpartition(":")
        return [one for one in self.blocks.whose(address(where), int(port), moment) if one is not None]


def left(host: Host, inside: str) -> str:
    return host.arrive("lan", f"udp {inside} > 198.51.100.9:53").split()[2]


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[list[Item]]:
    """The fields of what was logged, filled as it is."""
    found: list[Item] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append({"message": record.getMessage(), **getattr(record, "fields", {})})

    logger, keep = logging.getLogger("pairwall.nat"), Keep()
    caplog.set_level(logging.INFO, "pairwall.nat")
    logger.addHandler(keep)
    yield found
    logger.removeHandler(keep)


def test_one_line_when_given_out_and_one_when_it_comes_back(records: list[Item]) -> None:
    scene = Scene("{size: 64}")
    outside = left(scene.host, "100.64.0.5:5000")
    left(scene.host, "100.64.0.5:5001")
    scene.host.wait(31)
    [given, back] = records
    assert (given["message"], back["message"]) == ("port block given out", "port block came back")
    assert given["subscriber"] == "100.64.0.5"
    where, _, port = outside.rpartition(":")
    assert given["address"] == where
    assert given["ports"][0] <= int(port) <= given["ports"][1] == given["ports"][0] + 63
    assert given["rule"] == "subscribers"
    assert "destination" not in given
    assert back["seconds"] == 31.0


def test_a_rule_may_keep_quiet(records: list[Item]) -> None:
    left(Scene("{size: 64, log: no}").host, "100.64.0.5:5000")
    assert records == []


def test_whose_a_port_is_and_was() -> None:
    scene = Scene("{size: 64}")
    outside = left(scene.host, "100.64.0.5:5000")
    [now] = scene.whose(outside)
    assert (now["subscriber"], now["allocation"], now["until"]) == ("100.64.0.5", "on-demand", None)
    assert now["since"] == START + 1000
    assert scene.whose(outside, START + 999) == []
    scene.host.wait(31)
    assert scene.whose(outside) == []
    [past] = scene.whose(outside, START + 1010)
    assert (past["subscriber"], past["until"]) == ("100.64.0.5", START + 1031)
    assert scene.whose(outside, START + 1032) == []


def test_computed_blocks_answer_for_any_moment_and_without_traffic() -> None:
    scene = Scene(DETERMINISTIC)
    outside = left(scene.host, "100.64.0.200:5000")
    scene.host.wait(31)
    for moment in (None, START, START + 5000):
        [found] = scene.whose(outside, moment)
        assert (found["subscriber"], found["allocation"], found["since"]) == ("100.64.0.200", "deterministic", None)


def test_the_rules_alone_know_computed_blocks() -> None:
    rules = carrier(DETERMINISTIC).engine.policy.nat_rules
    [found] = computed(rules, address("203.0.113.11"), 1024 + 512)
    assert (found["subscriber"], found["ports"]) == ("100.64.0.127", [1536, 2047])
    assert list(computed(rules, address("203.0.113.99"), 1024)) == []


def test_blocks_in_use() -> None:
    scene = Scene("{size: 64, subscriber: {ipv4: 28}}")
    left(scene.host, "100.64.0.5:5000")
    left(scene.host, "100.64.0.9:5000")
    [block] = scene.blocks.blocks()
    assert (block["subscriber"], block["connections"]) == ("100.64.0.0/28", 2)
