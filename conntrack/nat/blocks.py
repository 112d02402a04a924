"""Port blocks on demand: which subscriber holds which ports of which outside address (RFC 6888 REQ-4, REQ-13, REQ-14).

Lives here: giving a block out, counting who uses it, taking it back. May not live here: what a block is
(port_block.py), the port within one (choice.py), blocks by computation (deterministic.py), the log (service/).

A block is of every protocol. A subscriber's blocks are of one outside address (RFC 6888 REQ-2), which is the one that
its prefix hashes to, or the next that has a block free. Which free block it gets is random: the next subscriber's
ports say nothing of this one's.
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import Final
from zlib import crc32

from mypy_extensions import i64, mypyc_attr

from conntrack.nat.port_block import Block, Shelf, Subscriber
from conntrack.policy.nat_rule import BlockPlan

#: outside addresses that are tried for a subscriber's first block
ADDRESSES: Final = 256


@mypyc_attr(allow_interpreted_subclasses=True)
class Ledger:
    """Told of every block on demand whose rule logs. Called from the packet loop: must return at once."""

    def given(self, block: Block, now: float) -> None:
        """A subscriber has a block from now on."""
        raise NotImplementedError

    def returned(self, block: Block, now: float) -> None:
        """It has it no more."""
        raise NotImplementedError


class Blocks:
    """All subscribers that hold a block."""

    def __init__(self) -> None:
        self.subscribers: dict[bytes, Subscriber] = {}
        self.ledger: Ledger | None = None
        self.hold_down = 0.0  # seconds before a block that came back is given to another subscriber
        self._shelves: dict[bytes, Shelf] = {}
        self._resting: deque[tuple[float, Block]] = deque()

    def subscriber(self, plan: BlockPlan, space: bytes, source: bytes) -> Subscriber:
        """Who an inside address (of an address space, one byte) belongs to; remembered once it holds a block."""
        prefix = plan.prefix(source)
        key = plan.key + space + prefix
        found = self.subscribers.get(key)
        return Subscriber(key, prefix) if found is None else found

    def offer(self, subscriber: Subscriber, plan: BlockPlan, pool: list[bytes], random: Random) -> Block | None:
        """One more block for a subscriber, its own only once held; None if it has enough, or none is free."""
        mine = [block for block in subscriber.blocks if block.plan is plan]
        if len(mine) >= plan.most:
            return None
        if mine:
            low = self._shelf(mine[0].address, plan).free(random)
            return Block(subscriber, plan, mine[0].address, low) if low >= 0 else None
        start = crc32(subscriber.prefix) % len(pool)
        for step in range(min(len(pool), ADDRESSES)):
            address = pool[(start + step) % len(pool)]
            low = self._shelf(address, plan).free(random)
            if low >= 0:
                return Block(subscriber, plan, address, low)
        return None

    def hold(self, block: Block, now: float) -> None:
        """One more connection or mapping holds a port of the block."""
        subscriber = block.subscriber
        if block.given < 0.0:
            self._give(block, now)
        block.holders += 1
        subscriber.sessions += 1

    def release(self, block: Block, now: float) -> None:
        """One less; a block that nobody holds comes back, once it has rested."""
        block.holders -= 1
        block.subscriber.sessions -= 1
        if block.holders > 0:
            return
        if self.hold_down > 0.0 and not block.computed:
            block.rests_until = now + self.hold_down
            self._resting.append((block.rests_until, block))
        else:
            self._take_back(block, now)

    def tidy(self, now: float) -> None:
        """Takes back what has rested long enough."""
        resting = self._resting
        while resting and resting[0][0] <= now:
            _, block = resting.popleft()
            if block.holders == 0 and block.rests_until <= now:
                self._take_back(block, now)

    def holding(self, address: bytes, port: int) -> Block | None:
        """The block that a port lies in; for people: O(subscribers)."""
        for subscriber in self.subscribers.values():
            for block in subscriber.blocks:
                if block.address == address and block.low <= port <= block.high:
                    return block
        return None

    def count(self) -> dict[bytes, int]:
        """How many blocks are held, by BlockPlan.key; for people: O(subscribers)."""
        found: dict[bytes, int] = {}
        for subscriber in self.subscribers.values():
            for block in subscriber.blocks:
                found[block.plan.key] = found.get(block.plan.key, 0) + 1
        return found

    def is_free(self, plan: BlockPlan, address: bytes, low: i64) -> bool:
        """Whether the block that begins with a port is nobody's."""
        shelf = self._shelf(address, plan)
        return shelf.number(low) not in shelf.taken and not shelf.was_given(low)

    def _give(self, block: Block, now: float) -> None:
        subscriber = block.subscriber
        block.given = now
        subscriber.blocks.append(block)
        self.subscribers[subscriber.key] = subscriber
        if block.computed:
            return
        shelf = self._shelf(block.address, block.plan)
        shelf.taken[shelf.number(block.low)] = block
        if block.plan.log and self.ledger is not None:
            self.ledger.given(block, now)

    def _take_back(self, block: Block, now: float) -> None:
        subscriber = block.subscriber
        subscriber.blocks.remove(block)
        if not subscriber.blocks:
            del self.subscribers[subscriber.key]
        if block.computed:
            return
        shelf = self._shelves[block.address]
        if block in shelf.before:
            shelf.before.remove(block)
        else:
            del shelf.taken[shelf.number(block.low)]
        if block.plan.log and self.ledger is not None:
            self.ledger.returned(block, now)

    def _shelf(self, address: bytes, plan: BlockPlan) -> Shelf:
        """The blocks of an address as this plan cuts them."""
        shelf = self._shelves.get(address)
        if shelf is None:
            shelf = Shelf(plan, [])
            self._shelves[address] = shelf
        elif not shelf.cuts_like(plan):
            shelf = Shelf(plan, [*shelf.before, *shelf.taken.values()])
            self._shelves[address] = shelf
        return shelf
