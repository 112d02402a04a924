"""Outside ports for what a helper found announced, if the speaker's address is translated.

Lives here: which ports its endpoint gets, and holding them. May not live here: whether it gets any, the expectations
that stand there (announce.py), which ports to try (nat/reservation.py).

Never a port that is in use, the gateway's own, or a port forward's.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.permitted import translated
from conntrack.engine.state import State
from conntrack.flow.connection import Direction
from conntrack.flow.expectation import place
from conntrack.helper.base import Endpoint, Mention, Speech
from conntrack.nat.chosen import Choice
from conntrack.nat.destination import target
from conntrack.nat.mapping import Mapping
from conntrack.nat.port_block import Block
from conntrack.nat.reservation import candidates, vacant
from conntrack.nat.use import PortUse
from conntrack.policy.nat_rule import BlockPlan, NatRule
from conntrack.policy.runtime import Query

#: ports below are for services that nobody opens by the way
LOWEST: Final = 1024
HIGHEST: Final = 65535


class Reserve:
    """The outside ports of one packet's mentions; zone_seen: the one that the expected packets come from."""

    def __init__(self, state: State, speech: Speech, direction: Direction, zone_seen: i64, now: float) -> None:
        self._state = state
        self._speech = speech
        self._direction = direction
        self._space: i64 = direction.key[1]  # that the speaker's packets come in
        self._zone_seen: i64 = zone_seen
        self._now = now
        self.block: Block | None = None  # that the ports lie in which are about to be held

    def first_port(self, mention: Mention) -> i64:
        """The first of the outside ports for a mention: those it has already, or vacant ones; 0 if there are none."""
        state = self._state
        use = state.ports.use(int(mention.protocol), self._speech.speaker_seen.address)
        known = state.ports.mapping(self._inside(mention, 0))
        if known is not None:
            return known.port if self._fits(mention, use, known.port) else 0
        rule: NatRule | None = None
        if self._speech.original:
            rule = state.policy.source_nat(translated(state, self._direction.connection, self._now))
        if rule is None or (rule.blocks is None and rule.port_high == 0):
            return self._vacant(mention, use, LOWEST, HIGHEST)
        if rule.blocks is None:
            return self._vacant(mention, use, max(rule.port_low, LOWEST), rule.port_high)
        return self._of_blocks(mention, use, rule.blocks)

    def hold(self, mention: Mention, offset: i64, answer: Endpoint) -> Mapping:
        """The outside port, held."""
        choice = Choice()
        choice.use = self._state.ports.use(int(mention.protocol), answer.address)
        choice.port = answer.port + offset
        choice.block = self.block
        return self._state.ports.reserve(self._inside(mention, offset), choice, self._now)

    def _of_blocks(self, mention: Mention, use: PortUse, plan: BlockPlan) -> i64:
        """The same from the blocks that the speaker's subscriber has; an expectation alone gets it no further one."""
        speaker = self._speech.speaker.address
        subscriber = self._state.ports.blocks.subscriber(plan, bytes((int(self._space),)), speaker)
        if plan.sessions and subscriber.sessions + mention.count > plan.sessions:
            return 0
        for block in subscriber.blocks:
            if block.address == use.address:
                port = self._vacant(mention, use, max(block.low, LOWEST), block.high)
                if port:
                    self.block = block
                    return port
        return 0

    def _vacant(self, mention: Mention, use: PortUse, low: i64, high: i64) -> i64:
        """The first of vacant ports within low–high; 0 if there are none."""
        for port in candidates(mention.port, mention.count, mention.even, low, high, self._state.random):
            if self._fits(mention, use, port) and self._unforwarded(mention, port):
                return port
        return 0

    def _fits(self, mention: Mention, use: PortUse, first: i64) -> bool:
        """Whether every port from the first on is the endpoint's already, or vacant and the endpoint without one."""
        ports = self._state.ports
        offset: i64 = 0
        while offset < mention.count:
            mapping = ports.mapping(self._inside(mention, offset))
            if mapping is None:
                if not vacant(ports, use, first + offset, self._speech.speaker.address, self._now):
                    return False
            elif mapping.use is not use or mapping.port != first + offset:
                return False
            offset += 1
        return True

    def _unforwarded(self, mention: Mention, first: i64) -> bool:
        """Whether no rule sends what arrives at these ports anywhere else than to the endpoint."""
        state = self._state
        speech = self._speech
        query = Query()
        query.version = 4 if len(speech.speaker.address) == 4 else 6
        query.protocol = mention.protocol
        query.source, query.destination = speech.listener_seen.address, speech.speaker_seen.address
        query.zone_in, query.zone_out = self._zone_seen, 0
        query.address_zone = state.topology.address_zone(query.destination)
        query.now, query.wall = self._now, self._now + state.wall
        offset: i64 = 0
        while offset < mention.count:
            query.destination_port = first + offset
            rule = state.policy.destination_nat(query)
            if rule is not None:
                address, port = target(rule, query.source, query.destination, query.destination_port, b"")
                if address != speech.speaker.address or port != mention.port + offset:
                    return False
            offset += 1
        return True

    def _inside(self, mention: Mention, offset: i64) -> bytes:
        """What nat/ports.py knows the mentioned endpoint by (endpoint.inside_of)."""
        return place(mention.protocol, self._space, self._speech.speaker.address, mention.port + offset)
