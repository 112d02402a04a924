"""New topologies for the engine while rules and links change around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from conntrack.engine.topology import Topology
from conntrack.policy.compile import compile_policy
from conntrack.policy.load import load_text
from conntrack.policy.policy import Policy
from conntrack.service.moving import Mover
from tests.host import Host
from tests.unit.service.fakes import FakeHost

ONE = "version: 1\nzones: {wan: {interfaces: [eth0]}}\npolicy: {self -> wan: accept}\n"
TWO = ONE.replace("{wan:", "{dmz: {interfaces: [eth9]}, wan:")


class SlowHost(FakeHost):
    """Reading the links takes until `go_on`; `meanwhile` happens in between."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], None]] = []

    async def topology(self, policy: Policy) -> Topology:
        made = await super().topology(policy)
        await asyncio.sleep(0)
        if self.meanwhile:
            self.meanwhile.pop()()
        return made


def policy(text: str) -> Policy:
    return compile_policy(load_text(text, "rules.yaml"), lambda _: pytest.fail("no schedule here"))


async def settled(mover: Mover) -> None:
    while mover._task is not None and not mover._task.done():
        await asyncio.sleep(0)


def test_changes_during_a_move_ask_for_one_more() -> None:
    host, engine = SlowHost(), Host(ONE).engine

    async def scene() -> None:
        mover = Mover(host, engine)
        host.meanwhile.append(lambda: [mover.changed() for _ in range(5)] and None)
        mover.changed()
        mover.changed()
        await settled(mover)

    asyncio.run(scene())
    assert host.steps == ["topology", "topology"]


def test_a_topology_with_the_zone_numbers_of_old_rules_is_thrown_away() -> None:
    """`wan` is zone 1 of the rules in force when the move begins, and zone 2 of those that come meanwhile."""
    host, engine = SlowHost(), Host(ONE).engine

    async def scene() -> None:
        mover = Mover(host, engine)
        host.meanwhile.append(lambda: engine.swap(policy(TWO)))
        mover.changed()
        await settled(mover)

    asyncio.run(scene())
    assert host.steps == ["topology", "topology"]
    assert int(engine.topology.zone_of(1)) == 2


def test_a_move_is_waited_for_but_not_for_ever() -> None:
    host, engine = SlowHost(), Host(ONE).engine
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def then() -> None:
        reached.set()
        await go_on.wait()

    async def scene() -> None:
        mover = Mover(host, engine, then)
        await mover.settled(0.0)  # nothing has moved yet
        mover.changed()
        await reached.wait()
        await mover.settled(0.0)
        assert not go_on.is_set()
        asyncio.get_running_loop().call_soon(go_on.set)
        await mover.settled(60.0)
        assert go_on.is_set()

    asyncio.run(scene())


def test_a_move_under_way_is_given_up_at_the_end() -> None:
    host, engine = SlowHost(), Host(ONE).engine
    before = engine.topology

    async def scene() -> None:
        mover = Mover(host, engine)
        mover.stop()
        mover.changed()
        await asyncio.sleep(0)
        mover.stop()
        await settled(mover)

    asyncio.run(scene())
    assert engine.topology is before
