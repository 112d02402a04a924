"""The fast path's life in the daemon, and what it tells of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from conntrack.cli.status import fast_path, fast_path_details
from conntrack.flow.connection import OFFLOADED
from conntrack.gateway.fastpath.stand import Stand
from conntrack.gateway.links.snapshot import Link, Snapshot
from conntrack.policy.document_settings import Settings
from conntrack.service.fastpath import FastPath
from conntrack.service.metrics.fastpath import FastPathCollector
from tests.host import Host
from tests.unit.gateway.carrying import OUTSIDE, RULES, SERVER, Carrying, snapshot
from tests.unit.service.fakes import FakeHost, FakeQueue
from tests.unit.service.fakestand import FakeStand


class Standing(FakeHost):
    """A host with a fast path."""

    def __init__(self) -> None:
        super().__init__()
        self.stand = FakeStand()
        self.now = snapshot()

    def snapshot(self) -> Snapshot:
        return self.now

    async def open_stand(self, capacity: int, xdp: bool) -> Stand:
        self.steps.append(f"fast path for {capacity}")
        return self.stand


class Running:
    """A fast path over an engine; `run` plays a scene inside a loop, which ends it."""

    def __init__(self, mode: str = "auto", host: FakeHost | None = None) -> None:
        self.host = Standing() if host is None else host
        self.gateway = Host(RULES)
        self.queue = FakeQueue()
        settings = Settings.model_validate({"fastpath": mode})
        self.fast = FastPath(self.host, self.gateway.engine, self.queue, settings)

    def run(self, scene: Callable[[], Awaitable[None]], keep: bool = False) -> None:
        async def whole() -> None:
            await self.fast.start()
            await scene()
            await self.fast.stop(keep)

        asyncio.run(whole())
        self.queue.close()

    async def stream(self) -> None:
        """A UDP stream, and a turn of the loop."""
        for _ in range(4):
            self.gateway.arrive("lan", f"udp 192.168.10.5:40000 > {SERVER}")
            self.gateway.arrive("wan", f"udp {SERVER} > {OUTSIDE}")
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def metrics(fast: FastPath) -> str:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FastPathCollector(fast))
    return generate_latest(registry).decode()


async def nothing() -> None:
    pass


def test_it_stands_at_the_interfaces_of_zones_and_carries() -> None:
    running = Running()

    async def scene() -> None:
        await running.stream()
        view = running.fast.view()
        assert view["active"]
        assert view["interfaces"] == ["eth0", "eth1"]
        assert view["connections"] == {"count": 1, "limit": 262144}
        assert "1 connections" in fast_path(view)
        assert view["flows"] == {"fast": 1, "slow": 0}
        page = metrics(running.fast)
        assert 'pairwall_fastpath_connections{what="used"} 1.0' in page
        assert 'pairwall_connections_by_path{path="fast"} 1.0' in page
        assert 'pairwall_connections_by_path{path="slow"} 0.0' in page
        [line] = fast_path_details(view)
        assert line == "program 0123456789abcdef by tcx, 0.0% of its maps filled, 0 flows slow"

    running.run(scene)
    assert running.host.stand.steps == ["follow eth0 eth1", "leave"]  # type: ignore[attr-defined]


def test_without_bpf_all_goes_on_and_it_says_why() -> None:
    running = Running(host=FakeHost())

    async def scene() -> None:
        await running.stream()
        assert running.fast.view() == {"mode": "auto", "active": False, "why": "no BPF in a test: none is needed"}
        assert fast_path(running.fast.view()) == "none: no BPF in a test: none is needed"
        assert fast_path_details(running.fast.view()) == []
        assert "pairwall_fastpath_active 0.0" in metrics(running.fast)
        await running.fast.follow()
        await running.fast.rejudge(frozenset())
        await running.fast.swept()

    running.run(scene)


class Interrupted(Standing):
    """A host whose interfaces cannot be read just when the fast path has begun."""

    def snapshot(self) -> Snapshot:
        raise OSError("interfaces cannot be read")


def test_one_that_cannot_begin_takes_its_programs_off_again() -> None:
    """They may carry an earlier process's connections already, of which nobody would know any more."""
    host = Interrupted()
    maps = Carrying()
    maps.stream()
    host.stand.maps = maps.maps
    host.stand.adopted = 2
    running = Running(host=host)

    async def scene() -> None:
        assert host.stand.steps == ["leave"]
        assert running.fast.view() == {"mode": "auto", "active": False, "why": "interfaces cannot be read"}
        [connection] = running.gateway.engine.table.connections()
        assert not connection.status & OFFLOADED
        await running.fast.follow()
        await running.fast.swept()

    running.run(scene)
    assert host.stand.steps == ["leave"]


def test_unloaded_under_its_feet_it_takes_everything_back_and_says_so() -> None:
    running = Running()

    async def scene() -> None:
        host: Any = running.host
        await running.stream()
        [connection] = running.gateway.engine.table.connections()
        await running.fast.tended()
        assert connection.status & OFFLOADED
        host.stand.gone = True
        await running.fast.tended()
        assert not connection.status & OFFLOADED
        assert not host.stand.maps.flows
        assert not running.fast.view()["active"]
        assert "pairwall unload" in running.fast.view()["why"]
        await running.stream()
        assert not connection.status & OFFLOADED

    running.run(scene)


def test_switched_off_it_is_not_even_tried_and_what_an_earlier_process_left_goes() -> None:
    running = Running("off")
    running.run(nothing)
    assert running.host.steps == ["unload"]
    assert "switched off" in running.fast.view()["why"]


@pytest.mark.parametrize(("keep", "step"), [(True, "close"), (False, "leave")])
def test_its_end(keep: bool, step: str) -> None:
    running = Running()
    running.run(nothing, keep)
    assert running.host.stand.steps[-1] == step  # type: ignore[attr-defined]
    running.gateway.arrive("lan", f"udp 192.168.10.5:40000 > {SERVER}")  # nobody is offered anything any more


def test_a_link_that_changes_is_followed_and_one_without_ethernet_is_named() -> None:
    running = Running()

    async def scene() -> None:
        host: Any = running.host
        host.now = host.now._replace(links=(Link(1, "eth0", True, ethernet=False), host.now.links[1]))
        await running.fast.follow()
        view = running.fast.view()
        assert view["interfaces"] == ["eth1"]
        assert "not at eth0: no Ethernet" in fast_path(view)

    running.run(scene)


def test_policy_routing_is_named_and_nothing_is_carried() -> None:
    running = Running()
    host: Any = running.host
    host.now = host.now._replace(by_destination=False)

    async def scene() -> None:
        await running.stream()
        view = running.fast.view()
        assert view["connections"]["count"] == 0
        assert "`ip rule`" in view["refused"]["all"]

    running.run(scene)


def test_punts_and_share_count_from_this_start_on() -> None:
    running = Running()
    host: Any = running.host
    counts = [100, *[0] * 15]
    host.stand.maps.punts = lambda: list(counts)

    async def scene() -> None:
        counts[0], counts[7] = 190, 3
        running.queue.tally().packets = 10
        view = running.fast.view()
        assert (view["packets"], view["share"], view["punts"]) == (90, 0.9, {"miss": 3})
        page = metrics(running.fast)
        assert "pairwall_fastpath_packets_total 90.0" in page
        assert "pairwall_fastpath_share 0.9" in page
        assert fast_path_details(view)[1] == "left to the daemon: miss 3"
        assert 'pairwall_fastpath_punts_total{reason="miss"} 3.0' in page

    running.run(scene)
