from __future__ import annotations

import asyncio

import pytest

from conntrack.service.chores import Chores


def test_a_chore_is_done_again_and_again_even_if_it_fails(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []

    async def chore() -> None:
        done.append(len(done))
        if len(done) == 2:
            raise RuntimeError("not this time")

    async def all_of_it() -> None:
        chores = Chores()
        chores.every(lambda: 0.0001, chore, "sweeping")
        while len(done) < 4:
            await asyncio.sleep(0)
        await chores.stop()
        count = len(done)
        await asyncio.sleep(0.001)
        assert len(done) == count

    asyncio.run(all_of_it())
    assert "sweeping: RuntimeError: not this time" in caplog.text


def test_a_period_of_0_is_not_now() -> None:
    async def chore() -> None:
        pytest.fail("not asked for")

    async def all_of_it() -> None:
        chores = Chores()
        chores.every(lambda: 0.0, chore, "nothing")
        await asyncio.sleep(0.01)
        await chores.stop()

    asyncio.run(all_of_it())
