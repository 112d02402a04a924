"""Sets of addresses as sorted interval edges: the one representation that rules, sets and tables share.

Lives here: building, combining and asking them. May not live here: text (sets.py), names, rules.

Packed addresses of one family compare in numeric order, so an interval is two `bytes`: its first address, and
its last one followed by a zero byte, which sorts after that address and before the next. An edge list holds
both in turn, [first, past, first, past, …], strictly ascending; an address is inside if an odd number of edges
lies at or below it. The two families never share a list.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final


class Ranges:
    """Disjoint intervals of IPv4 and IPv6 addresses. Never changed once made."""

    __slots__ = ("edges4", "edges6")

    def __init__(self, edges4: list[bytes], edges6: list[bytes]) -> None:
        self.edges4 = edges4
        self.edges6 = edges6

    def contains(self, address: bytes) -> bool:
        """Whether a packed address (4 or 16 bytes) is inside; b"" (none known) is inside EVERYWHERE only."""
        edges = self.edges4 if len(address) == 4 else self.edges6
        return bisect_right(edges, address) & 1 == 1

    def edges(self, version: int) -> list[bytes]:
        """The edge list of IPv4 (4) or IPv6 (6)."""
        return self.edges4 if version == 4 else self.edges6

    def size(self) -> int:
        """How many disjoint intervals there are, both families together."""
        return (len(self.edges4) + 1) // 2 + (len(self.edges6) + 1) // 2

    def without(self, other: Ranges) -> Ranges:
        """What is inside this one and outside the other."""
        return Ranges(_subtract(self.edges4, other.edges4), _subtract(self.edges6, other.edges6))


def united(spans: Iterable[tuple[bytes, bytes]]) -> Ranges:
    """Ranges of (low, high) spans in any order, both ends included; overlapping ones are merged."""
    by_size: dict[int, list[tuple[bytes, bytes]]] = {4: [], 16: []}
    for span in spans:
        by_size[len(span[0])].append(span)
    return Ranges(_merge(by_size[4]), _merge(by_size[16]))


def _merge(spans: list[tuple[bytes, bytes]]) -> list[bytes]:
    spans.sort()
    edges: list[bytes] = []
    for low, high in spans:
        past = high + b"\0"
        if not edges or low > edges[-1]:
            edges.append(low)
            edges.append(past)
        elif past > edges[-1]:
            edges[-1] = past
    return edges


def _subtract(edges: list[bytes], removed: list[bytes]) -> list[bytes]:
    if not removed:
        return edges
    left: list[bytes] = []
    for edge in sorted({*edges, *removed}):
        inside = bisect_right(edges, edge) & 1 and not bisect_right(removed, edge) & 1
        if bool(inside) != bool(len(left) & 1):
            left.append(edge)
    return left


NOWHERE: Final = Ranges([], [])
#: begins below every address, so that "no address known" counts as inside: `!10.0.0.0/8` holds for it, `10.0.0.0/8` not
EVERYWHERE: Final = Ranges([b""], [b""])
