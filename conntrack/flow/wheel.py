"""The timer wheel: ends connections in O(ended), and costs nothing when a packet refreshes one.

Lives here: slots of one second, lazily refiled. May not live here: what happens to a connection that ends.

A connection is filed under the first whole second after its deadline. A refresh only moves Connection.deadline;
when the slot comes up, a connection whose deadline has moved on is filed again. Only a deadline that moves
*earlier* than the slot costs a move at once (`refile`). Slots are circles of the connections themselves, so
filing allocates nothing and removal is O(1).
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.flow.connection import Connection


class Wheel:
    """Files connections by deadline; `now` may jump forward by any amount."""

    def __init__(self) -> None:
        self._slots: dict[int, Connection] = {}  # whole second → first connection of the slot
        self._done: i64 = -1  # the last second whose slot was emptied

    def file(self, connection: Connection) -> None:
        """Files a connection that is in no slot."""
        second: i64 = i64(int(connection.deadline)) + 1
        if second <= self._done:
            second = self._done + 1
        head = self._slots.get(int(second))
        connection.due = float(int(second))
        connection.earlier = None
        connection.later = head
        if head is not None:
            head.earlier = connection
        self._slots[int(second)] = connection

    def remove(self, connection: Connection) -> None:
        """Takes a connection out of its slot, if it is in one."""
        if connection.due == 0.0:
            return
        earlier = connection.earlier
        later = connection.later
        if later is not None:
            later.earlier = earlier
        if earlier is not None:
            earlier.later = later
        elif later is not None:
            self._slots[int(connection.due)] = later
        else:
            del self._slots[int(connection.due)]
        connection.earlier = None
        connection.later = None
        connection.due = 0.0

    def refile(self, connection: Connection) -> None:
        """Moves a connection whose deadline has come nearer than its slot."""
        self.remove(connection)
        self.file(connection)

    def expired(self, now: float, budget: int) -> list[Connection]:
        """Up to `budget` connections whose deadline has passed; they are in no slot any more.

        Fewer than `budget` means that nothing more is due at `now`. Connections that were refreshed count
        against the budget too, so that one call is bounded.
        """
        gone: list[Connection] = []
        current: i64 = i64(int(now))
        left: i64 = budget
        for second in self._due(current):
            left = self._empty(second, now, left, gone)
            if left <= 0:
                self._done = second - 1
                return gone
        if self._done < current:
            self._done = current
        return gone

    def next_due(self) -> float:
        """The first second in which something may be due; infinity when nothing is filed. O(slots)."""
        return float(min(self._slots)) if self._slots else float("inf")

    def _due(self, current: i64) -> list[int]:
        """The filled slots up to the current second, in order."""
        if current - self._done > len(self._slots):
            return sorted([second for second in self._slots if second <= current])
        return [second for second in range(int(self._done) + 1, int(current) + 1) if second in self._slots]

    def _empty(self, second: int, now: float, budget: i64, gone: list[Connection]) -> i64:
        """Empties one slot as far as the budget goes; returns what is left of the budget."""
        left = budget
        while left > 0:
            head = self._slots.get(second)
            if head is None:
                break
            self.remove(head)
            left -= 1
            if head.deadline <= now:
                gone.append(head)
            else:
                self.file(head)
        return left
