"""Sets of addresses as sorted interval edges: the one representation that rules, sets and tables share.

Lives here: building, combining and asking them. May not live here: text (sets.py), names, rules.

The edges of one family are addresses in ascending order, packed one behind the other: first, past, first, past, …,
where `past` is the address after an interval's last one (left out at the top of the address space). An address is
inside if an odd number of edges lies at or below it. One `bytes` instead of a list of objects keeps 100 000 networks
in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mypy_extensions import i64


class Ranges:
    """Disjoint intervals of IPv4 and IPv6 addresses. Never changed once made.

    `unknown` says whether "no address known" (b"") counts as inside: where all but a few addresses are.
    """

    __slots__ = ("edges4", "edges6", "unknown")

    def __init__(self, edges4: bytes, edges6: bytes, unknown: bool = False) -> None:
        self.edges4 = edges4
        self.edges6 = edges6
        self.unknown = unknown

    def contains(self, address: bytes) -> bool:
        """Whether a packed address (4 or 16 bytes, or b"") is inside."""
        size = len(address)
        if size == 4:
            return edges_below(self.edges4, address) & 1 == 1
        if size == 16:
            return edges_below(self.edges6, address) & 1 == 1
        return self.unknown

    def edges(self, version: int) -> list[bytes]:
        """The edges of IPv4 (4) or IPv6 (6)."""
        return split(self.edges4, 4) if version == 4 else split(self.edges6, 16)

    def size(self) -> int:
        """How many disjoint intervals there are, both families together."""
        return (len(self.edges4) // 4 + 1) // 2 + (len(self.edges6) // 16 + 1) // 2

    def without(self, other: Ranges) -> Ranges:
        """What is inside this one and outside the other."""
        edges4 = _subtract(self.edges4, other.edges4, 4)
        return Ranges(edges4, _subtract(self.edges6, other.edges6, 16), self.unknown and not other.unknown)


def united(spans: Iterable[tuple[bytes, bytes]]) -> Ranges:
    """Ranges of (low, high) spans in any order, both ends included; what overlaps or touches is merged."""
    spans4: list[tuple[bytes, bytes]] = []
    spans6: list[tuple[bytes, bytes]] = []
    for low, high in spans:
        (spans4 if len(low) == 4 else spans6).append((low, high))
    return Ranges(_merge(spans4, 4), _merge(spans6, 16))


def edges_below(edges: bytes, address: bytes) -> i64:
    """How many of the packed edges lie at or below an address of their size: a binary search.

    What an address has in common with the nearest edge found on either side, it has in common with all between them,
    so those bytes are not compared again.
    """
    width: i64 = len(address)
    low: i64 = 0
    high: i64 = len(edges) // width
    common_below: i64 = 0
    common_above: i64 = 0
    while low < high:
        middle = (low + high) >> 1
        at = middle * width
        common = common_below if common_below < common_above else common_above
        while common < width and edges[at + common] == address[common]:
            common += 1
        if common == width or edges[at + common] < address[common]:
            low = middle + 1
            common_below = common
        else:
            high = middle
            common_above = common
    return low


def split(edges: bytes, width: int) -> list[bytes]:
    """Packed edges one by one."""
    return [edges[at : at + width] for at in range(0, len(edges), width)] if edges else []


def _merge(spans: list[tuple[bytes, bytes]], width: int) -> bytes:
    top = b"\xff" * width
    spans.sort()
    edges: list[bytes] = []
    for low, high in spans:
        if len(edges) & 1:  # the last interval reaches the top
            break
        past = b"" if high == top else (int.from_bytes(high, "big") + 1).to_bytes(width, "big")
        if not edges or low > edges[-1]:
            edges.append(low)
            edges.append(past)
        elif not past or past > edges[-1]:
            edges[-1] = past
        if not past:
            edges.pop()
    return b"".join(edges)


def _subtract(edges: bytes, removed: bytes, width: int) -> bytes:
    if not removed:
        return edges
    left: list[bytes] = []
    for edge in sorted({*split(edges, width), *split(removed, width)}):
        inside = edges_below(edges, edge) & 1 == 1 and edges_below(removed, edge) & 1 == 0
        if inside != (len(left) & 1 == 1):
            left.append(edge)
    return b"".join(left)


NOWHERE: Final = Ranges(b"", b"")
EVERYWHERE: Final = Ranges(bytes(4), bytes(16), unknown=True)
