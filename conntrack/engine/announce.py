"""What a helper found announced: may it be opened, and at which outside port?

Lives here: the rules that no helper can get around, and the making of expectations. May not live here: payload
(helper/), what happens to the packet (helping.py), or to the expected one (expected.py).

Only the speaker's own address is opened, to the listener (or to whoever is where the listener is, if the helper asks
for that), at ports from 1024 on; never at a port that is in use, the gateway's own, or a port forward's. What is
translated gets an outside port of its own, held until the expectation and what came of it are over.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.permitted import translated
from conntrack.engine.state import State
from conntrack.flow.connection import Connection, Direction
from conntrack.flow.expectation import Expectation, place
from conntrack.helper.base import Endpoint, Helper, Mention, Speech
from conntrack.nat.chosen import Choice
from conntrack.nat.destination import target
from conntrack.nat.mapping import Mapping
from conntrack.nat.port_block import Block
from conntrack.nat.reservation import candidates, vacant
from conntrack.nat.use import PortUse
from conntrack.packet.header import GRE
from conntrack.policy.runtime import BlockPlan, NatRule, Query

#: ports below are for services that nobody opens by the way
LOWEST: Final = 1024
HIGHEST: Final = 65535
#: contiguous ports of one mention
MOST_PORTS: Final = 4


class Announcement:
    """One packet's mentions; `made` are the expectations that came of them."""

    def __init__(self, state: State, speech: Speech, helper: Helper, direction: Direction, now: float) -> None:
        connection = direction.connection
        self._state = state
        self._speech = speech
        self._helper = helper
        self._connection: Connection = connection
        self._space: i64 = direction.key[1]  # that the speaker's packets come in
        self._space_seen: i64 = direction.peer.key[1]  # that the expected packets come in
        self._zone: i64 = i64(connection.zone_in)
        self._zone_seen: i64 = i64(connection.zone_out)
        if not direction.original:
            self._zone, self._zone_seen = self._zone_seen, self._zone
        self._now = now
        self._block: Block | None = None  # that the ports lie in which are about to be held
        self.made: list[Expectation] = []

    def grant(self, mention: Mention) -> Endpoint | None:
        """Lets the listener expect what the speaker mentions: the endpoint to tell it; None: nothing was opened."""
        answer = self._answer(mention)
        if answer is None:
            self._state.expectations.refused += 1
            return None
        before = len(self.made)
        offset: i64 = 0
        while offset < mention.count:
            if not self._expect(mention, offset, answer):
                self.withdraw(before)
                return None
            offset += 1
        return answer

    def withdraw(self, first: int = 0) -> None:
        """Takes back what was made, from the first-th on."""
        for expectation in self.made[first:]:
            self._state.unexpect(expectation, self._now)
        del self.made[first:]

    def _answer(self, mention: Mention) -> Endpoint | None:
        """Where the listener reaches the endpoint that is mentioned; None: it may not."""
        self._block = None
        speaker, seen = self._speech.speaker, self._speech.speaker_seen
        if mention.address and mention.address != speaker.address and mention.address != seen.address:
            return None
        if not 1 <= mention.count <= MOST_PORTS or not 0 < mention.port <= HIGHEST - mention.count + 1:
            return None
        own = mention.protocol == self._speech.protocol and mention.port == speaker.port and mention.count == 1
        if mention.port < LOWEST and mention.protocol != GRE and (mention.anybody or not own):
            return None
        if own:
            return seen  # where this very connection is: the listener reaches it already
        if speaker.address == seen.address:
            return Endpoint(seen.address, int(mention.port))
        port = self._reserve(mention)
        return Endpoint(seen.address, int(port)) if port else None

    def _reserve(self, mention: Mention) -> i64:
        """The first of the outside ports for a mention: those it has already, or vacant ones; 0 if there are none."""
        state = self._state
        use = state.ports.use(int(mention.protocol), self._speech.speaker_seen.address)
        known = state.ports.mapping(self._inside(mention, 0))
        if known is not None:
            return known.port if self._fits(mention, use, known.port) else 0
        rule: NatRule | None = None
        if self._speech.original:
            rule = state.policy.source_nat(translated(state, self._connection, self._now))
        if rule is None or (rule.blocks is None and rule.port_high == 0):
            return self._vacant(mention, use, LOWEST, HIGHEST)
        if rule.blocks is None:
            return self._vacant(mention, use, max(rule.port_low, LOWEST), rule.port_high)
        return self._of_blocks(mention, use, rule.blocks)

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
                    self._block = block
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

    def _expect(self, mention: Mention, offset: i64, answer: Endpoint) -> bool:
        """Makes one expectation and lets it wait; False where too many do."""
        state = self._state
        new = self._expectation(mention, offset, answer)
        if self._speech.speaker.address != answer.address:
            new.hold = self._hold(mention, offset, answer)
        for old in state.expectations.outdone(new, self._helper.most(int(mention.kind))):
            if old.permanent and old.same(new):  # said again: what was agreed to before still counts
                new.deadline = max(new.deadline, old.deadline)
            state.unexpect(old, self._now)
        if state.expectations.add(new):
            self.made.append(new)
            return True
        if isinstance(new.hold, Mapping):
            state.ports.let_go(new.hold, self._now)
        state.expectations.refused += 1
        return False

    def _hold(self, mention: Mention, offset: i64, answer: Endpoint) -> Mapping:
        """The outside port, held."""
        choice = Choice()
        choice.use = self._state.ports.use(int(mention.protocol), answer.address)
        choice.port = answer.port + offset
        choice.block = self._block
        return self._state.ports.reserve(self._inside(mention, offset), choice, self._now)

    def _expectation(self, mention: Mention, offset: i64, answer: Endpoint) -> Expectation:
        speech = self._speech
        where = place(mention.protocol, self._space_seen, answer.address, answer.port + offset)
        new = Expectation(self._connection, where, speech.speaker.address, mention.port + offset)
        new.zone, new.zone_inside = self._zone_seen, self._zone
        if not mention.anybody:
            new.peer = speech.listener_seen.address
            if speech.listener.address != new.peer:
                new.seen_as = speech.listener.address
        new.peer_port = mention.peer_port
        new.permanent = mention.permanent
        new.deadline = self._now + mention.timeout
        new.kind, new.group, new.helper = mention.kind, mention.group, mention.helper
        return new

    def _inside(self, mention: Mention, offset: i64) -> bytes:
        """What nat/ports.py knows the mentioned endpoint by (endpoint.inside_of)."""
        return place(mention.protocol, self._space, self._speech.speaker.address, mention.port + offset)
