"""Port blocks by computation: which subscriber has which, and the other way round, without any record (RFC 7422).

Lives here: the arithmetic. May not live here: which ports of a block are in use (ports.py), blocks on
demand (blocks.py).

Subscribers are numbered through the inside networks in their order. The first as many as one outside address has blocks
get the blocks of the pool's first address from the lowest port up, the next ones those of the second, and so on
(RFC 7422 §2.1 calls this order sequential). So rules file, outside address and port are enough to tell the subscriber.
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.policy.nat_rule import BlockPlan


def capacity(plan: BlockPlan, addresses: int) -> int:
    """How many subscribers so many outside addresses are enough for."""
    return int(plan.count()) * addresses


def place(plan: BlockPlan, source: bytes, addresses: i64) -> tuple[i64, i64]:
    """A source's (place of its outside address in the pool, first port of its block); (−1, 0) if it has none."""
    number = number_of(plan, source)
    count = plan.count()
    if number < 0 or number >= count * addresses:
        return -1, 0
    return number // count, plan.low + number % count * plan.size


def number_of(plan: BlockPlan, source: bytes) -> i64:
    """A source's number among the subscribers; −1 if it is none."""
    version = 0 if len(source) == 4 else 1
    free = 8 * len(source) - plan.prefixes[version]
    value = int.from_bytes(source, "big")
    before = 0
    for first, last in plan.inside:
        if first <= value <= last:
            return before + (value - first >> free)
        before += (last - first >> free) + 1
    return -1


def whose(plan: BlockPlan, at: int, port: int, size: int) -> bytes:
    """The subscriber's prefix (of `size` bytes) that has a port of the pool's at-th address; b"" if nobody has."""
    count = int(plan.count())
    block = (port - int(plan.low)) // int(plan.size)
    if port < plan.low or block >= count:
        return b""
    number = at * count + block
    free = 8 * size - plan.prefixes[0 if size == 4 else 1]
    for first, last in plan.inside:
        here = (last - first >> free) + 1
        if number < here:
            return (first + (number << free)).to_bytes(size, "big")
        number -= here
    return b""
