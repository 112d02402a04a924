"""Choosing the outside port of a subscriber that has ports of its own.

Lives here: which block, whether one more is due, and which one a connection has its port of. May not live here: the
port within it (choice.py), which blocks there are (blocks.py, deterministic.py).
"""

from __future__ import annotations

from random import Random

from mypy_extensions import i64

from conntrack.flow.connection import Connection
from conntrack.flow.pair import source_of
from conntrack.nat.blocks import Blocks
from conntrack.nat.choice import Chooser
from conntrack.nat.chosen import Choice
from conntrack.nat.deterministic import place
from conntrack.nat.endpoint import PORTED
from conntrack.nat.mapping import Mapping
from conntrack.nat.port_block import Block, Subscriber
from conntrack.packet import reason
from conntrack.policy.nat_rule import BlockPlan


class BlockChooser:
    """`failure` says why the last choice has no reply."""

    def __init__(self, blocks: Blocks, chooser: Chooser, random: Random) -> None:
        self._blocks = blocks
        self._chooser = chooser
        self._random = random
        self.failure: i64 = reason.SUBSCRIBER_LIMIT

    def choose(
        self, forward: bytes, inside: bytes, plan: BlockPlan, pool: list[bytes], manner: i64, now: float
    ) -> Choice:
        """As Chooser.choose, within the blocks of the inside endpoint's subscriber; the choice names the block."""
        source = inside[2:-2]
        self.failure = reason.SUBSCRIBER_LIMIT
        blocks = self._blocks
        blocks.tidy(now)
        subscriber = blocks.subscriber(plan, inside[1:2], source)
        if plan.sessions and subscriber.sessions >= plan.sessions:
            return Choice()
        if int(forward[0]) not in PORTED:
            return self._without_ports(forward, inside, subscriber, plan, pool, now)
        at: i64 = len(subscriber.blocks) - 1
        while at >= 0:  # the newest has most ports free
            block = subscriber.blocks[at]
            if fits(block, plan, pool):
                choice = self._within(block, forward, inside, manner, now)
                if choice.reply:
                    return choice
            at -= 1
        more = self.more(subscriber, plan, pool, source)
        return Choice() if more is None else self._within(more, forward, inside, manner, now)

    def more(self, subscriber: Subscriber, plan: BlockPlan, pool: list[bytes], source: bytes) -> Block | None:
        """One more block, only offered so far; None where the subscriber may have none (see `failure`)."""
        if not plan.inside:
            block = self._blocks.offer(subscriber, plan, pool, self._random)
            if block is None and not subscriber.blocks:
                self.failure = reason.NAT_EXHAUSTED
            return block
        if subscriber.blocks:
            return None
        number, low = place(plan, source, len(pool))
        if number < 0:
            self.failure = reason.NAT_NO_ADDRESS
            return None
        return Block(subscriber, plan, pool[number], low)

    def around(self, key: bytes, plan: BlockPlan, address: bytes, port: i64) -> Block | None:
        """The block that a port lies in which was chosen before this daemon began; None if it lies in none."""
        subscriber = self._blocks.subscriber(plan, key[1:2], source_of(key))
        for block in subscriber.blocks:
            if block.address == address and block.low <= port <= block.high:
                return block
        low = port - (port - plan.low) % plan.size
        if port < plan.low or low + plan.size - 1 > plan.high:
            return None
        if not plan.inside and not self._blocks.is_free(plan, address, low):
            return None
        return Block(subscriber, plan, address, low)

    def _within(self, block: Block, forward: bytes, inside: bytes, manner: i64, now: float) -> Choice:
        choice = self._chooser.choose(forward, block.address, block.low, block.high, manner, now, inside)
        choice.block = block
        return choice

    def _without_ports(
        self, forward: bytes, inside: bytes, subscriber: Subscriber, plan: BlockPlan, pool: list[bytes], now: float
    ) -> Choice:
        """GRE, ESP and the like go by the address of the subscriber's ports."""
        own = [block for block in subscriber.blocks if fits(block, plan, pool)]
        block = own[0] if own else self.more(subscriber, plan, pool, inside[2:-2])
        if block is None:
            return Choice()
        choice = self._within(block, forward, inside, 0, now)
        if not choice.reply:
            self.failure = reason.NAT_CLASH
        return choice


def fits(block: Block, plan: BlockPlan, pool: list[bytes]) -> bool:
    """Whether a block that a subscriber has is still one of this plan's: rules and addresses may have changed since."""
    if len(pool) == 1:
        if block.address != pool[0]:
            return False
    elif block.plan is not plan and block.address not in pool:
        return False
    if block.plan is not plan:
        if block.plan.size != plan.size or block.low < plan.low or (block.low - plan.low) % plan.size:
            return False
        if block.high > plan.high or bool(block.plan.inside) != bool(plan.inside):
            return False
        block.plan = plan
    return True


def block_of(master: Connection, source: bytes) -> Block | None:
    """The port block that a connection's port is of, if a source is of the same subscriber."""
    held = master.mapping
    block: Block | None = None
    if isinstance(held, Block):
        block = held
    elif isinstance(held, Mapping):
        block = held.block
    return block if block is not None and block.plan.prefix(source) == block.subscriber.prefix else None
