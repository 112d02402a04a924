"""The order in which connections give way when the table is full.

Lives here: two queues, oldest first: connections that are not assured, then those that are already closing.
May not live here: the decision that the table is full (table.py). An assured, live connection is in no
queue: it is never evicted.

Queues are doubly linked through the connections themselves: every step is O(1) and allocates nothing.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, u8

from conntrack.flow.connection import ASSURED, CLOSING, Connection

NO_QUEUE: Final = 0
UNASSURED: Final = 1
ENDING: Final = 2


class Eviction:
    """Keeps every connection in the queue that its status asks for."""

    def __init__(self) -> None:
        self._oldest: list[Connection | None] = [None, None, None]
        self._newest: list[Connection | None] = [None, None, None]

    def place(self, connection: Connection) -> None:
        """Moves a connection to the end of the queue that its status asks for; stays put if it is in it."""
        wanted: i64 = NO_QUEUE
        if connection.status & CLOSING:
            wanted = ENDING
        elif not connection.status & ASSURED:
            wanted = UNASSURED
        if wanted == i64(connection.queue):
            return
        self.remove(connection)
        if wanted == NO_QUEUE:
            return
        last = self._newest[wanted]
        connection.older = last
        if last is None:
            self._oldest[wanted] = connection
        else:
            last.newer = connection
        self._newest[wanted] = connection
        connection.queue = u8(wanted)

    def remove(self, connection: Connection) -> None:
        """Takes a connection out of its queue, if it is in one."""
        queue = i64(connection.queue)
        if queue == NO_QUEUE:
            return
        older = connection.older
        newer = connection.newer
        if older is None:
            self._oldest[queue] = newer
        else:
            older.newer = newer
        if newer is None:
            self._newest[queue] = older
        else:
            newer.older = older
        connection.older = None
        connection.newer = None
        connection.queue = NO_QUEUE

    def victim(self) -> Connection | None:
        """The connection to end first; None if all are assured and live. It stays in its queue."""
        oldest = self._oldest[UNASSURED]
        return oldest if oldest is not None else self._oldest[ENDING]
