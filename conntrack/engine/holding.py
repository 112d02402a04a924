"""Connection attempts that nobody asked for, held back for a while before they are answered (RFC 5382 REQ-4).

Lives here: which TCP SYNs are held, and what comes of one once its time is up. May not live here: keeping the packet
(gateway/queue), the answer's bytes (the kernel makes them).

Where both sides of a simultaneous open are behind NATs, the first SYN arrives before the inside host has sent its own.
An answer would end that attempt, so there is none for six seconds. If the inside host's SYN has gone out by then, the
held one is dropped in silence; otherwise its sender is told that the port is unreachable.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.reject import port_unreachable
from conntrack.engine.state import State
from conntrack.engine.verdict import ACCEPT, DONE, DROP, HOLD, PREROUTING
from conntrack.packet import reason
from conntrack.packet.header import ACK, FIN, RST, SYN, TCP, Packet
from conntrack.policy.runtime import SELF, Query, Rule

#: seconds without an answer
SILENCE: Final = 6.0


class Holding:
    """The attempts held back, by key. `room`: how many the queue can keep for us; 0: it cannot."""

    def __init__(self, state: State) -> None:
        self.room = 0
        self._state = state
        self._until: dict[bytes, float] = {}

    def holds(self, packet: Packet, key: bytes, query: Query, rule: Rule, hook: i64, now: float) -> bool:
        """Whether a packet that the rule drops is to wait. Its repetitions are dropped: one answer will do.

        Only where no rule speaks of it, and at an address that NAT uses: what is dropped on purpose stays unanswered.
        """
        if self.room == 0 or hook != PREROUTING or packet.protocol != TCP or rule.reason != reason.NO_RULE:
            return False
        if packet.flags & (SYN | ACK | RST | FIN) != SYN or query.zone_out != SELF:
            return False
        state = self._state
        if not state.policy.settings.hold_syn or int(query.zone_in) not in state.policy.outer:
            return False
        if state.topology.is_group(query.destination):
            return False
        if key in self._until or not self._has_room(now):
            return False
        self._until[key] = now + SILENCE
        return True

    def release(self, packet: Packet, key: bytes, now: float) -> tuple[int, bytes | None, int]:
        """The verdict on a held packet: HOLD while it is too early."""
        until = self._until.get(key)
        if until is None:
            return DROP, None, 0
        if until > now:
            return HOLD, None, 0
        del self._until[key]
        state = self._state
        if key in state.table.directions:
            return DROP, None, 0  # the inside host's own SYN has gone out
        mark = port_unreachable(state, packet, now)
        return (ACCEPT, None, int(mark | DONE)) if mark else (DROP, None, 0)

    def _has_room(self, now: float) -> bool:
        """Forgets what a queue that is gone has kept, if it must."""
        if len(self._until) >= self.room:
            for key in [key for key, until in self._until.items() if until + SILENCE < now]:
                del self._until[key]
        return len(self._until) < self.room
