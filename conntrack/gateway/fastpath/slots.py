"""Which elements of the array of TCP states are taken.

Lives here: the free list. May not live here: the states.
"""

from __future__ import annotations

from collections import deque

NONE = -1


class Slots:
    """Numbers from 0 to capacity − 1, each given to one connection at a time; one just given back comes last."""

    def __init__(self, capacity: int) -> None:
        self._taken = bytearray(capacity)
        self._returned: deque[int] = deque()
        self._fresh = 0  # all from here on were never given out

    def __len__(self) -> int:
        return sum(self._taken)

    def take(self) -> int:
        """A free number; NONE if all are taken."""
        while self._fresh < len(self._taken):
            slot = self._fresh
            self._fresh += 1
            if not self._taken[slot]:
                self._taken[slot] = 1
                return slot
        while self._returned:
            slot = self._returned.popleft()
            if not self._taken[slot]:
                self._taken[slot] = 1
                return slot
        return NONE

    def claim(self, slot: int) -> None:
        """Takes a certain number, which a connection of an earlier process has."""
        self._taken[slot] = 1

    def give(self, slot: int) -> None:
        """Gives a number back."""
        self._taken[slot] = 0
        self._returned.append(slot)
