"""The packet loop against queues that are empty, full, endless or lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from conntrack.gateway.queue.base import QueueError
from conntrack.service import loop as loops
from conntrack.service.loop import PacketLoop
from tests.unit.service.fakes import FakeQueue


class Ending:
    """An engine of which only the expiry matters: so many connections are due."""

    def __init__(self, due: int = 0) -> None:
        self.due = due
        self.calls = 0

    def expire(self, now: float, budget: int) -> int:
        self.calls += 1
        ended = min(self.due, budget)
        self.due -= ended
        return ended


def run(scene: Callable[[PacketLoop, FakeQueue], Awaitable[None]], engine: Ending | None = None, **more: float) -> int:
    """Runs a scene beside a loop; returns how often the watchdog was fed."""
    fed: list[int] = []

    async def all_of_it() -> None:
        queue = FakeQueue()
        loop = PacketLoop(queue, engine or Ending(), lambda: fed.append(1), **more)
        loop.start()
        try:
            await scene(loop, queue)
        finally:
            loop.stop()
            queue.close()

    asyncio.run(all_of_it())
    return len(fed)


def test_packets_are_judged_when_they_come() -> None:
    async def scene(loop: PacketLoop, queue: FakeQueue) -> None:
        for _ in range(3):
            queue.put(b"packet")
        while loop.packets < 3:
            await asyncio.sleep(0)
        assert not queue.waiting

    run(scene)


def test_a_turn_is_bounded_by_packets() -> None:
    async def scene(loop: PacketLoop, queue: FakeQueue) -> None:
        queue.endless = True
        before = loop.packets
        loop.turn()
        assert 0 < loop.packets - before <= loops.PACKETS
        assert set(queue.drained) == {loops.BATCH}

    run(scene)


def test_a_turn_is_bounded_by_time() -> None:
    """Each look at the clock takes as long as half a turn."""
    moments = iter(range(10_000))

    async def scene(loop: PacketLoop, queue: FakeQueue) -> None:
        queue.endless = True
        before = loop.packets
        loop.turn()
        assert loop.packets - before == 2 * loops.BATCH

    def clock() -> float:
        return next(moments) * loops.TURN / 2

    async def all_of_it() -> None:
        queue = FakeQueue()
        loop = PacketLoop(queue, Ending(), lambda: None, clock=clock)
        await scene(loop, queue)
        queue.close()

    asyncio.run(all_of_it())


def test_under_flood_everything_else_still_runs() -> None:
    """The queue never empties, yet a timer of 5 ms comes round, and a socket is answered."""
    ticks = 0

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    async def scene(loop: PacketLoop, queue: FakeQueue) -> None:
        nonlocal ticks
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        queue.flood()
        async with asyncio.timeout(10):
            for _ in range(20):
                await asyncio.sleep(0.005)
                ticks += 1
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"are you there?\n")
            assert await reader.readline() == b"are you there?\n"
            writer.close()
        server.close()
        assert loop.turns > ticks
        assert loop.packets > loops.BATCH * 20

    run(scene)
    assert ticks == 20


def test_connections_that_are_due_end_a_budget_at_a_time() -> None:
    engine = Ending(due=loops.EXPIRE_BUDGET * 3 + 5)

    async def scene(loop: PacketLoop, queue: FakeQueue) -> None:
        loop.expire()
        assert engine.due == loops.EXPIRE_BUDGET * 2 + 5  # one budget now
        for _ in range(4):  # and the others with a turn of everything else in between
            await asyncio.sleep(0)
        assert engine.due == 0

    run(scene, engine)


def test_the_watchdog_is_fed_by_a_loop_that_turns() -> None:
    async def scene(loop: PacketLoop, queue: FakeQueue) -> None:
        for _ in range(3):
            loop._tick()
            await asyncio.sleep(0)

    assert run(scene, watchdog=0.000001) == 3
    assert run(scene, watchdog=1000.0) == 1
    assert run(scene) == 0


def test_a_lost_queue_ends_the_loop_and_starves_the_watchdog() -> None:
    async def scene(loop: PacketLoop, queue: FakeQueue) -> None:
        queue.lost = QueueError("queue 0 is lost: it was unbound")
        queue.put(b"packet")
        async with asyncio.timeout(2):
            assert await loop.broken == "queue 0 is lost: it was unbound"
        loop._tick()

    assert run(scene, watchdog=0.000001) == 0


def test_an_error_of_the_descriptor_is_a_lost_queue_too() -> None:
    async def scene(loop: PacketLoop, queue: FakeQueue) -> None:
        queue.lost = OSError(9, "Bad file descriptor")
        loop.turn()
        assert "Bad file descriptor" in await loop.broken

    run(scene)


def test_faults_are_told_of_with_their_traceback_but_not_each_time(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(loop: PacketLoop, queue: FakeQueue) -> None:
        loop._tick()
        assert caplog.records == []
        for _ in range(3):
            queue.tally().faults += 1
            queue.tally().fault = ZeroDivisionError("a bug")
            loop._tick()

    with caplog.at_level(logging.ERROR, "pairwall.loop"):
        run(scene)
    (record,) = caplog.records
    assert record.message == "a packet could not be judged and was dropped"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


def test_lag_is_how_late_the_tick_was() -> None:
    moment = [100.0]

    async def all_of_it() -> None:
        queue = FakeQueue()
        loop = PacketLoop(queue, Ending(), lambda: None, clock=lambda: moment[0])
        loop.start()
        moment[0] += loops.TICK + 0.5
        loop._tick()
        assert loop.lag.value(moment[0]) == pytest.approx(0.5)
        loop.stop()
        queue.close()

    asyncio.run(all_of_it())
