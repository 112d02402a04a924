"""Traffic that is decided already, as intervals: which rule (told by its line) was the first for what.

Lives here: the intervals of one pair of zones and IP version. May not live here: rules and pairs (reach.py).
"""

from __future__ import annotations

from bisect import bisect_right

from conntrack.policy.values import ANY_PROTOCOL, Traffic

#: an interval's end for protocols without ports
LAST = 65535


class Decided:
    """For each protocol disjoint (low, high, line), ascending: ports, or ICMP type and code as one number."""

    def __init__(self) -> None:
        self._all = 0
        self._pieces: dict[int, list[tuple[int, int, int]]] = {}

    def add(self, kind: Traffic, line: int) -> None:
        """Decide what of this traffic is not decided yet."""
        if kind.protocol == ANY_PROTOCOL:
            self._all = self._all or line
            return
        pieces = self._pieces.setdefault(kind.protocol, [])
        low, high = interval(kind)
        at = _first(pieces, low)
        filled: list[tuple[int, int, int]] = []
        end = at
        while end < len(pieces) and pieces[end][0] <= high:
            if low < pieces[end][0]:
                filled.append((low, pieces[end][0] - 1, line))
            filled.append(pieces[end])
            low = pieces[end][1] + 1
            end += 1
        if low <= high:
            filled.append((low, high, line))
        pieces[at:end] = filled

    def lines(self, kind: Traffic) -> set[int]:
        """The lines that together decide all of this traffic; none if something is left."""
        if self._all:
            return {self._all}
        pieces = self._pieces.get(kind.protocol, [])
        low, high = interval(kind)
        found: set[int] = set()
        for at in range(_first(pieces, low), len(pieces)):
            if pieces[at][0] > low:
                return set()
            found.add(pieces[at][2])
            low = pieces[at][1] + 1
            if low > high:
                return found
        return set()


def interval(kind: Traffic) -> tuple[int, int]:
    """The traffic of one protocol as numbers from low to high."""
    if kind.icmp_type < 0:
        return kind.low, kind.high
    first = kind.icmp_type << 8
    return (first, first + 255) if kind.icmp_code < 0 else (first + kind.icmp_code, first + kind.icmp_code)


def _first(pieces: list[tuple[int, int, int]], low: int) -> int:
    """The index of the first piece that ends at `low` or later."""
    at = bisect_right(pieces, (low, LAST + 1, 0))
    return at - 1 if at and pieces[at - 1][1] >= low else at
