from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from conntrack.flow.connection import Connection
from conntrack.flow.ending import TIMEOUT
from conntrack.packet.header import Packet
from conntrack.packet.parse import parse
from conntrack.policy.runtime import DROP, Rule
from conntrack.service import events
from conntrack.service.events import END, NEW, Events
from conntrack.service.filters import Filter
from conntrack.service.protocol import Item
from conntrack.service.views import Flows
from tests.golden.notation import packet

BOTH = frozenset((NEW, END))


def a_filter(flows: Flows, **filters: Any) -> Filter:
    return Filter(filters, flows.state, flows.rule, flows.zone)


async def first(events: Events, wanted: Filter, kinds: frozenset[str], count: int, act: Any) -> list[Item]:
    """Watches, acts once the watch is on, and returns the first events."""
    found: list[Item] = []
    watching = events.watch(wanted, kinds)
    reading = asyncio.ensure_future(anext(watching))
    await asyncio.sleep(0)
    act()
    found.append(await reading)
    while len(found) < count:
        found.append(await anext(watching))
    await watching.aclose()
    return found


def test_a_watcher_hears_of_beginnings_and_ends(flows: Flows, web: Connection) -> None:
    told = Events(flows)

    def act() -> None:
        told.created(web, 100.0)
        told.ended(web, TIMEOUT, 103.0)

    begun, ended = asyncio.run(first(told, a_filter(flows), BOTH, 2, act))
    assert (begun["event"], begun["id"], begun["age"]) == ("new", 7, 0.0)
    assert (ended["event"], ended["reason"], ended["age"]) == ("end", "timeout", 3.0)
    assert told.watchers() == 0


def test_only_what_was_asked_for(flows: Flows, web: Connection, query: Connection) -> None:
    told = Events(flows)

    def act() -> None:
        told.created(web, 100.0)
        told.created(query, 100.0)
        told.ended(query, TIMEOUT, 130.0)

    (only,) = asyncio.run(first(told, a_filter(flows, protocol="udp"), frozenset((END,)), 1, act))
    assert (only["event"], only["protocol"]) == ("end", "udp")


def test_without_watchers_nothing_is_made(flows: Flows, web: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flows, "view", lambda *_: pytest.fail("a view was made for nobody"))
    told = Events(flows)
    told.created(web, 100.0)
    told.ended(web, TIMEOUT, 103.0)
    assert told.watchers() == 0


def test_a_slow_watcher_loses_events_and_is_told(
    flows: Flows, web: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "BACKLOG", 3)
    told = Events(flows)

    def act() -> None:
        for _ in range(10):
            told.created(web, 100.0)

    found = asyncio.run(first(told, a_filter(flows), BOTH, 4, act))
    assert [item["event"] for item in found] == ["new", "new", "new", "lost"]
    assert found[-1]["count"] == 7


def test_what_a_rule_logs(flows: Flows, caplog: pytest.LogCaptureFixture) -> None:
    seen = Packet()
    parse(packet("tcp 198.51.100.9:40000 > 203.0.113.1:22 SYN"), seen)
    rule = Rule(3, "blocked", "wan -> self", DROP, "rules.yaml", 9)
    told = Events(flows)
    with caplog.at_level(logging.INFO, "pairwall.rules"):
        told.logged(rule, seen, "drop", 1.0)
    (record,) = caplog.records
    assert record.message == "drop: blocked (rules.yaml:9)"
    assert record.fields == {  # type: ignore[attr-defined]
        "verdict": "drop",
        "rule": "blocked",
        "pair": "wan -> self",
        "protocol": "tcp",
        "source": "198.51.100.9",
        "destination": "203.0.113.1",
        "source_port": 40000,
        "destination_port": 22,
        "length": 40,
    }
    assert told.logged_packets == 1


def test_a_flood_of_logged_packets_is_written_at_a_bounded_rate(flows: Flows, caplog: pytest.LogCaptureFixture) -> None:
    seen = Packet()
    parse(packet("tcp 198.51.100.9:40000 > 203.0.113.1:22 SYN seq=1"), seen)
    rule = Rule(3, "blocked", "wan -> self", DROP, "rules.yaml", 9)
    told = Events(flows)
    with caplog.at_level(logging.INFO, "pairwall.rules"):
        for _ in range(3 * events.LINES):
            told.logged(rule, seen, "drop", 1.0)
        assert len(caplog.records) == events.LINES
        assert told.unwritten == 2 * events.LINES
        told.logged(rule, seen, "drop", 3.0)
    missing, line = caplog.records[-2:]
    assert missing.message == "2000 lines of rules were not written: more than 1000 a second"
    assert line.message == "drop: blocked (rules.yaml:9)"
    assert told.logged_packets == 3 * events.LINES + 1
