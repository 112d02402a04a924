"""Sending an answer in small pieces, so that the packet loop, which shares the thread, runs in between.

Lives here: turns, batches, patience. May not live here: who asks (control.py), what is answered (commands.py).

After TURN seconds of work the batch is sent and the loop gets to run before the next. A client that does not read is
waited for without holding anything but its own answer, and dropped after PATIENCE seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final

from conntrack.service import protocol
from conntrack.service.protocol import Item

TURN: Final = 0.001  # seconds of work between two turns of the packet loop
PATIENCE: Final = 30.0

#: what a command answers: items at once or in time. None among them is no item, only a place to pause.
Answer = Iterator[Item | None] | AsyncIterator[Item]


async def stream(answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends all items of an answer."""
    if isinstance(answer, AsyncIterator):
        await stream_later(answer, reader, writer)
    else:
        await stream_now(answer, writer)


async def stream_now(answer: Iterator[Item | None], writer: asyncio.StreamWriter) -> None:
    """Sends items that are there already, a turn's worth at a time."""
    finished = False
    while not finished:
        batch, finished = work(answer)
        if batch:
            writer.write(protocol.encode({"items": batch}))
            await send(writer)
        await asyncio.sleep(0)


async def stream_later(answer: AsyncIterator[Item], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends items as they come, until the client hangs up (or speaks again): then the client's task is cancelled."""
    task = asyncio.current_task()
    assert task is not None
    hang_up = asyncio.ensure_future(reader.read(1))
    hang_up.add_done_callback(lambda done: None if done.cancelled() else cancel(task, done.exception()))
    try:
        async for item in answer:
            writer.write(protocol.encode({"items": [item]}))
            await send(writer)
    finally:
        hang_up.cancel()
        await asyncio.gather(hang_up, return_exceptions=True)  # only then may another read begin


def cancel(task: asyncio.Task[None], _why: BaseException | None) -> None:
    """Ends a client's task; why its connection broke does not matter, but must have been asked for."""
    task.cancel()


def work(
    answer: Iterator[Item | None], turn: float = TURN, clock: Callable[[], float] = time.perf_counter
) -> tuple[list[Item], bool]:
    """Takes items until the turn is over or the line is full; says whether that was all."""
    batch: list[Item] = []
    end = clock() + turn
    for item in answer:
        if item is not None:
            batch.append(item)
        if len(batch) >= protocol.ITEMS_A_LINE or clock() >= end:
            return batch, False
    return batch, True


async def send(writer: asyncio.StreamWriter) -> None:
    """Waits until the client has taken most of what was written. TimeoutError: it did not."""
    await patiently(writer.drain())


async def patiently(action: Awaitable[None]) -> None:
    """Waits PATIENCE seconds at most."""
    async with asyncio.timeout(PATIENCE):
        await action
