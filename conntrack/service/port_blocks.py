"""Port blocks for people: the log of who had which ports, and the answer to "whose was it?".

Lives here: one log line for a block given out and one for a block that came back (RFC 6888 REQ-12 and REQ-14: no
destinations, and not a line a connection), and a short memory of those. May not live here: giving blocks out
(nat/blocks.py), the command line.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from conntrack.engine.core import Engine
from conntrack.nat.blocks import Ledger
from conntrack.nat.deterministic import place, whose
from conntrack.nat.port_block import Block
from conntrack.policy.nat_rule import BlockPlan, NatRule
from conntrack.service.policy_views import address_text
from conntrack.service.protocol import Item

#: blocks that came back and are remembered; earlier ones are in the log only
REMEMBERED: Final = 8192

logger = logging.getLogger("pairwall.nat")


class Past(NamedTuple):
    """A block that came back: the view of it, and where it was."""

    address: bytes
    view: Item


class PortBlocks(Ledger):
    """The engine's ledger. `clock` is the engine's, `wall` is Unix time."""

    def __init__(self, engine: Engine, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock
        self._wall = wall
        self._past: deque[Past] = deque(maxlen=REMEMBERED)

    def given(self, block: Block, now: float) -> None:
        """See Ledger."""
        logger.info("port block given out", extra={"fields": _fields(block)})

    def returned(self, block: Block, now: float) -> None:
        """See Ledger."""
        seconds = round(now - block.given, 3)
        logger.info("port block came back", extra={"fields": {**_fields(block), "seconds": seconds}})
        self._past.append(Past(block.address, {**self._view(block), "until": round(self._unix(now), 3)}))

    def blocks(self) -> Iterator[Item]:
        """Every block that a subscriber holds."""
        for subscriber in list(self._engine.ports.blocks.subscribers.values()):
            for block in subscriber.blocks:
                yield self._view(block)

    def whose(self, address: bytes, port: int, moment: float | None) -> Iterator[Item | None]:
        """Who has, or at a moment (Unix time) had, an outside port. Computed blocks answer for any moment."""
        yield from computed(self._engine.policy.nat_rules, address, port)
        held = self._engine.ports.blocks.holding(address, port)
        if held is not None and not held.computed and (moment is None or self._unix(held.given) <= moment):
            yield self._view(held)
        for past in list(self._past) if moment is not None else ():
            view = past.view
            there = past.address == address and view["ports"][0] <= port <= view["ports"][1]
            yield view if there and view["since"] <= moment <= view["until"] else None

    def _view(self, block: Block) -> Item:
        return {
            **_fields(block),
            "connections": int(block.holders),
            "allocation": "deterministic" if block.computed else "on-demand",
            "since": round(self._unix(block.given), 3),
            "until": None,
        }

    def _unix(self, moment: float) -> float:
        return self._wall() - self._clock() + moment


def computed(rules: Iterable[NatRule], address: bytes, port: int) -> Iterator[Item]:
    """Whose port it is by computation alone: needs the rules, no daemon."""
    for rule in rules:
        plan = rule.blocks
        pool = rule.pool(len(address))
        if plan is None or not plan.inside or address not in pool:
            continue
        prefix = whose(plan, pool.index(address), port, len(address))
        if prefix:
            _, low = place(plan, prefix, len(pool))
            yield {
                "subscriber": subscriber_text(plan, prefix),
                "address": address_text(address),
                "ports": [int(low), int(low + plan.size - 1)],
                "rule": rule.name,
                "allocation": "deterministic",
                "since": None,
                "until": None,
            }


def subscriber_text(plan: BlockPlan, prefix: bytes) -> str:
    """A subscriber as an address or a network."""
    length = plan.prefixes[0] if len(prefix) == 4 else plan.prefixes[1]
    text = address_text(prefix)
    return text if length == 8 * len(prefix) else f"{text}/{length}"


def _fields(block: Block) -> Item:
    plan = block.plan
    return {
        "subscriber": subscriber_text(plan, block.subscriber.prefix),
        "address": address_text(block.address),
        "ports": [int(block.low), int(block.high)],
        "rule": plan.key[:-1].decode(),
    }
