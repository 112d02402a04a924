"""How long a TCP connection is kept without a packet.

Lives here: the timeouts by name, and which one holds. May not live here: clocks.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.tracker.tcp.memory import Memory
from conntrack.tracker.tcp.table import CLOSE, RST, STATES, SYNACK
from conntrack.tracker.timeouts import change

#: identical ACKs after which `retransmitted` holds (RFC 9293 §3.8.3 calls it R1)
MOST_RETRANSMISSIONS: Final = 3

#: seconds by name; a state's name is that of table.STATES in lower case
DEFAULTS: Final[dict[str, float]] = {
    "syn_sent": 120.0,
    "syn_recv": 60.0,
    "established": 432000.0,
    "fin_wait": 120.0,
    "close_wait": 60.0,
    "last_ack": 30.0,
    "time_wait": 120.0,
    "close": 10.0,
    "syn_sent2": 120.0,
    "retransmitted": 300.0,
    "unacknowledged": 300.0,
    "zero_window": 300.0,
    "picked_up": 300.0,
}


class Timers:
    """The timeouts in force, in seconds."""

    def __init__(self) -> None:
        self._by_state: list[float] = []
        self._by_name = dict(DEFAULTS)
        self.retransmitted = 0.0
        self.unacknowledged = 0.0
        self.zero_window = 0.0
        self.picked_up = 0.0  # seen in one direction only
        self.set({})

    def by_name(self) -> dict[str, float]:
        """All timeouts."""
        return dict(self._by_name)

    def set(self, changed: dict[str, float]) -> None:
        """Sets some timeouts; all or none. KeyError: no such name."""
        change(self._by_name, changed)
        self._by_state = [self._by_name.get(name.lower(), 0.0) for name in STATES]
        self.retransmitted = self._by_name["retransmitted"]
        self.unacknowledged = self._by_name["unacknowledged"]
        self.zero_window = self._by_name["zero_window"]
        self.picked_up = self._by_name["picked_up"]

    def choose(self, state: i64, kind: i64, unacknowledged: bool, memory: Memory) -> float:
        """The timeout after a packet of this flag class that led to this state.

        The first of these that holds, and of the special ones only those that are shorter than the state's own:
        retransmissions, an RST, data in flight (`unacknowledged`), a closed window, the state. A SYN or SYNACK cannot
        tell of a closed window: the one remembered is that of the last ACK, or 0 before the first.
        """
        own = self._by_state[state]
        if memory.retransmissions >= MOST_RETRANSMISSIONS and own > self.retransmitted:
            return self.retransmitted
        if kind == RST:
            return self._by_state[CLOSE]
        if unacknowledged and own > self.unacknowledged:
            return self.unacknowledged
        if memory.window == 0 and own > self.zero_window and kind > SYNACK:
            return self.zero_window
        return own
