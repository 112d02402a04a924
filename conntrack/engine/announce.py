"""What a helper found announced: may it be opened, and at which outside port?

Lives here: the rules that no helper can get around, and the making of expectations. May not live here: the outside
ports (reserve.py), payload (helper/), what happens to the packet (helping.py), or to the expected one (expected.py).

Only the speaker's own address is opened, to the listener (or to whoever is where the listener is, if the helper asks
for that), at ports from 1024 on; never at a port that is in use, the gateway's own, or a port forward's. What is
translated gets an outside port of its own, held until the expectation and what came of it are over.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.reserve import HIGHEST, LOWEST, Reserve
from conntrack.engine.state import State
from conntrack.flow.connection import Connection, Direction
from conntrack.flow.expectation import Expectation, place
from conntrack.helper.base import Endpoint, Helper, Mention, Speech
from conntrack.nat.mapping import Mapping
from conntrack.packet.header import GRE

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
        self._space_seen: i64 = direction.peer.key[1]  # that the expected packets come in
        self._zone: i64 = i64(connection.zone_in)
        self._zone_seen: i64 = i64(connection.zone_out)
        if not direction.original:
            self._zone, self._zone_seen = self._zone_seen, self._zone
        self._now = now
        self._reserve = Reserve(state, speech, direction, self._zone_seen, now)
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
        self._reserve.block = None
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
        port = self._reserve.first_port(mention)
        return Endpoint(seen.address, int(port)) if port else None

    def _expect(self, mention: Mention, offset: i64, answer: Endpoint) -> bool:
        """Makes one expectation and lets it wait; False where too many do."""
        state = self._state
        new = self._expectation(mention, offset, answer)
        if self._speech.speaker.address != answer.address:
            new.hold = self._reserve.hold(mention, offset, answer)
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
