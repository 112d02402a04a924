"""A port block, the subscriber that holds it, and the blocks that one outside address is cut into.

Lives here: what each of them is, and which block of an address is free. May not live here: who gets one, and when it
comes back (blocks.py).
"""

from __future__ import annotations

from random import Random

from mypy_extensions import i64

from conntrack.policy.nat_rule import BlockPlan


class Subscriber:
    """Who has blocks of one rule: an address or a prefix."""

    def __init__(self, key: bytes, prefix: bytes) -> None:
        self.key = key
        self.prefix = prefix
        self.blocks: list[Block] = []
        self.sessions: i64 = 0


class Block:
    """Consecutive ports of one outside address. `given`: when it was, on the engine's clock."""

    def __init__(self, subscriber: Subscriber, plan: BlockPlan, address: bytes, low: i64) -> None:
        self.subscriber = subscriber
        self.plan = plan
        self.address = address
        self.low: i64 = low
        self.high: i64 = low + plan.size - 1
        self.holders: i64 = 0  # connections and mappings
        self.given = -1.0  # −1: only offered so far
        self.rests_until = 0.0

    @property
    def computed(self) -> bool:
        """Whether it needs no record: who it belongs to follows from the rules."""
        return bool(self.plan.inside)


class Shelf:
    """The blocks of one outside address by their number there."""

    def __init__(self, plan: BlockPlan, before: list[Block]) -> None:
        self.plan = plan
        self.taken: dict[int, Block] = {}
        self.before = before  # given out when the rule cut its blocks otherwise, and not back yet

    def free(self, random: Random) -> i64:
        """The first port of a free block, found from a random one on; −1 if there is none."""
        count = self.plan.count()
        if len(self.taken) >= count:
            return -1
        start = i64(random.randrange(int(count)))
        step: i64 = 0
        while step < count:
            number = (start + step) % count
            low = self.plan.low + number * self.plan.size
            if int(number) not in self.taken and not self.was_given(low):
                return low
            step += 1
        return -1

    def was_given(self, low: i64) -> bool:
        """Whether a block that was cut otherwise lies where one beginning with this port would."""
        return any(block.low < low + self.plan.size and low <= block.high for block in self.before)

    def cuts_like(self, plan: BlockPlan) -> bool:
        """Whether its blocks lie where those of a plan do."""
        mine = self.plan
        return mine is plan or (mine.size == plan.size and mine.low == plan.low and mine.high == plan.high)

    def number(self, low: i64) -> int:
        """The number of the block that begins with a port."""
        return int((low - self.plan.low) // self.plan.size)
