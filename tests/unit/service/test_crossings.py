"""NAT64's link around a reload, and when somebody takes it away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from ipaddress import IPv6Network

import pytest

from conntrack.engine.exit import Exit
from conntrack.flow.ending import POLICY
from conntrack.gateway.tunnel.errors import TunnelError
from conntrack.service.crossings import Crossings
from tests.host import Host
from tests.unit.engine.test_nat64 import ASK, RULES
from tests.unit.service.fakes import FakeHost, FakeQueue

OLD, NEW = IPv6Network("64:ff9b::/96"), IPv6Network("2001:db8:64::/96")


def test_around_a_reload_both_prefixes_lead_out() -> None:
    linux, queue, engine = FakeHost(), FakeQueue(), Host(RULES).engine
    crossings = Crossings(linux, engine, queue, [OLD])

    async def reload() -> None:
        way_out = await crossings.widen([NEW])
        crossings.take(way_out, [NEW])
        await crossings.narrow([NEW])
        await crossings.look()

    asyncio.run(reload())
    assert linux.led == [[str(OLD), str(NEW)], [str(NEW)], [str(NEW)]]
    assert queue.segmented == 1
    queue.close()


def test_without_prefixes_the_engine_has_no_way_out() -> None:
    linux, queue, host = FakeHost(), FakeQueue(), Host(RULES)
    crossings = Crossings(linux, host.engine, queue, [OLD])
    host.arrive("lan", ASK)
    host.arrive("lan", "udp [fd10::5]:5000 > [2001:db8:113::77]:53")
    crossings.take(linux.way_out, [])
    assert [len(connection.reply.key) for connection in host.engine.table.connections()] == [38]  # the other one stays
    assert host.engine.counters.ended[POLICY] == 1
    assert host.arrive("lan", ASK) == "drop untranslatable"
    assert queue.segmented == 0
    queue.close()


def test_a_link_that_is_gone_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    class Gone(FakeHost):
        async def lead_out(self, prefixes: Sequence[IPv6Network]) -> Exit | None:
            raise TunnelError("the device pairwall64 has been removed")

    queue = FakeQueue()
    crossings = Crossings(Gone(), Host(RULES).engine, queue, [OLD])
    with caplog.at_level(logging.ERROR):
        asyncio.run(crossings.look())
    assert "the device pairwall64 has been removed" in caplog.text
    queue.close()
