"""Port blocks on demand: who gets which, how many, when they come back, and what the ledger hears."""

from __future__ import annotations

from ipaddress import ip_address
from random import Random

from conntrack.nat.blocks import Blocks, Ledger
from conntrack.nat.port_block import Block
from conntrack.policy.nat_rule import BlockPlan

POOL = [ip_address(f"203.0.113.{last}").packed for last in (10, 11)]


class Heard(Ledger):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def given(self, block: Block, now: float) -> None:
        self.lines.append(f"{now:g} given {ip_address(block.subscriber.prefix)} {block.low}-{block.high}")

    def returned(self, block: Block, now: float) -> None:
        self.lines.append(f"{now:g} returned {ip_address(block.subscriber.prefix)} {block.low}-{block.high}")


class Scene:
    """Two outside addresses of four blocks each."""

    def __init__(self, most: int = 1, hold_down: float = 0.0) -> None:
        self.blocks = Blocks()
        self.blocks.hold_down = hold_down
        self.heard = Heard()
        self.blocks.ledger = self.heard
        self.plan = BlockPlan("subscribers", 100, 5000, 5399)
        self.plan.most = most
        self.random = Random(1)

    def offer(self, source: str, pool: list[bytes] | None = None) -> Block | None:
        address = ip_address(source).packed
        subscriber = self.blocks.subscriber(self.plan, b"\0", address)
        return self.blocks.offer(subscriber, self.plan, POOL if pool is None else pool, self.random)

    def take(self, source: str, now: float = 0.0) -> Block:
        block = self.offer(source)
        assert block is not None
        self.blocks.hold(block, now)
        return block


def test_two_subscribers_never_share_a_block() -> None:
    scene = Scene()
    taken = [scene.take(f"100.64.0.{last}") for last in range(8)]
    assert len({(block.address, int(block.low)) for block in taken}) == 8
    assert {int(block.low) % 100 for block in taken} == {0}
    assert scene.offer("100.64.0.8") is None


def test_an_offer_that_nobody_takes_up_costs_nothing() -> None:
    scene = Scene()
    for _ in range(20):
        assert scene.offer("100.64.0.1") is not None
    assert scene.blocks.subscribers == {}
    assert scene.heard.lines == []


def test_a_subscriber_keeps_its_outside_address_and_its_limit() -> None:
    scene = Scene(most=3)
    blocks = [scene.take("100.64.0.1") for _ in range(3)]
    assert len({block.address for block in blocks}) == 1
    assert scene.offer("100.64.0.1") is None


def test_a_block_comes_back_with_its_last_holder() -> None:
    scene = Scene()
    block = scene.take("100.64.0.1", 3.0)
    scene.blocks.hold(block, 4.0)
    scene.blocks.release(block, 5.0)
    assert len(scene.heard.lines) == 1
    scene.blocks.release(block, 6.0)
    low = int(block.low)
    assert scene.heard.lines == [
        f"3 given 100.64.0.1 {low}-{low + 99}",
        f"6 returned 100.64.0.1 {low}-{low + 99}",
    ]
    assert scene.blocks.subscribers == {}


def test_a_block_rests_before_another_subscriber_gets_it_and_its_own_may_have_it_meanwhile() -> None:
    scene = Scene(hold_down=120.0)
    taken = [scene.take(f"100.64.0.{last}") for last in range(8)]
    scene.blocks.release(taken[3], 10.0)
    scene.blocks.tidy(129.0)
    assert scene.offer("100.64.0.99") is None
    scene.blocks.hold(taken[3], 129.0)
    scene.blocks.tidy(200.0)
    assert scene.offer("100.64.0.99") is None
    scene.blocks.release(taken[3], 300.0)
    scene.blocks.tidy(421.0)
    again = scene.offer("100.64.0.99")
    assert again is not None
    assert (again.address, again.low) == (taken[3].address, taken[3].low)


def test_a_prefix_is_one_subscriber() -> None:
    scene = Scene()
    scene.plan.prefixes = (24, 64)
    block = scene.take("100.64.7.5")
    subscriber = scene.blocks.subscriber(scene.plan, b"\0", ip_address("100.64.7.200").packed)
    assert subscriber.blocks == [block]


def test_the_same_address_in_two_spaces_is_two_subscribers() -> None:
    scene = Scene()
    scene.take("100.64.0.1")
    other = scene.blocks.subscriber(scene.plan, b"\1", ip_address("100.64.0.1").packed)
    assert other.blocks == []


def test_blocks_cut_otherwise_by_a_reload_avoid_those_still_held() -> None:
    scene = Scene()
    pool = POOL[:1]
    block = scene.offer("100.64.0.1", pool)
    assert block is not None
    scene.blocks.hold(block, 0.0)
    scene.plan = BlockPlan("subscribers", 200, 5000, 5399)
    other = scene.offer("100.64.0.2", pool)
    assert other is not None
    assert other.high < block.low or other.low > block.high
    scene.blocks.hold(other, 0.0)
    assert scene.offer("100.64.0.3", pool) is None
    scene.blocks.release(block, 1.0)
    assert scene.offer("100.64.0.3", pool) is not None


def test_who_holds_a_port() -> None:
    scene = Scene()
    block = scene.take("100.64.0.1")
    assert scene.blocks.holding(block.address, int(block.low) + 7) is block
    assert scene.blocks.holding(block.address, 4999) is None
