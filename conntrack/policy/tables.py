"""Tables from a value to the rules that it leaves standing, as one look-up.

Lives here: building a table from intervals, and asking it. May not live here: what the bits mean (dimensions.py).

A table divides its values into classes: values of one class leave the same rules standing. It knows the class of
every value, and for every class the mask of rules, a bit a rule. Class 0 is that of values below every edge.
Class numbers lie packed in `bytes`, three octets each: a list of integers would be objects all over the memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from mypy_extensions import i64

from conntrack.policy.ranges import edges_below

Edge = TypeVar("Edge", int, bytes)


class AddressTable:
    """Packed address → class, by binary search."""

    def __init__(self, groups: Iterable[tuple[list[bytes], int]], base: int, unknown: int = 0) -> None:
        """groups: edges (ranges.py) with the rules they belong to; base: the rules that demand nothing.

        unknown: the rules of groups that hold for b"", no address known.
        """
        toggles = [(edge, rules) for edges, rules in groups for edge in edges]
        edges, classes, self.masks = _swept(toggles, base)
        self._edges = b"".join(edges)
        self._classes = b"".join(map(_packed, classes))
        self._unknown = len(self.masks) if unknown else 0
        if unknown:
            self.masks.append(base | unknown)

    def find(self, address: bytes) -> int:
        """The class of an address."""
        if not self._edges:
            return 0
        if not address:
            return self._unknown
        return _unpacked(self._classes, edges_below(self._edges, address))


class NumberTable:
    """Number (port, service key) → class, by pages of 256 numbers; pages without an edge in them are shared."""

    def __init__(self, groups: Iterable[tuple[list[int], int]], base: int, size: int) -> None:
        """groups: edges as `number_edges` makes them, with their rules; size: one more than the highest number."""
        edges, classes, self.masks = _swept([(edge, rules) for edges, rules in groups for edge in edges], base)
        self._pages = _paged(edges, classes, size) if edges else []

    def find(self, number: i64) -> int:
        """The class of a number."""
        if not self._pages:
            return 0
        return _unpacked(self._pages[number >> 8], number & 255)


def number_edges(ranges: Iterable[tuple[int, int]]) -> list[int]:
    """The edges first, past, first, past, … of (low, high) ranges, both ends included, in any order."""
    edges: list[int] = []
    for low, high in sorted(ranges):
        if not edges or low > edges[-1]:
            edges += (low, high + 1)
        else:
            edges[-1] = max(edges[-1], high + 1)
    return edges


def _swept(toggles: list[tuple[Edge, int]], base: int) -> tuple[list[Edge], list[int], list[int]]:
    """Edges, classes (one more than edges) and masks: walks the edges upward, each toggling the bits of its rules."""
    toggles.sort()
    size = max([base.bit_length(), *[rules.bit_length() for _, rules in toggles]]) // 8 + 1
    numbers = {base.to_bytes(size, "little"): 0}  # by octets: integers of few bits share their hashes
    masks = [base]
    edges: list[Edge] = []
    classes = [0]
    mask = base
    for edge, rules in toggles:
        mask ^= rules
        number = numbers.setdefault(mask.to_bytes(size, "little"), len(masks))
        if number == len(masks):
            masks.append(mask)
        if edges and edge == edges[-1]:
            classes[-1] = number
        else:
            edges.append(edge)
            classes.append(number)
    return edges, classes, masks


def _packed(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _unpacked(classes: bytes, place: i64) -> int:
    at = place * 3
    return classes[at] | classes[at + 1] << 8 | classes[at + 2] << 16


def _paged(edges: list[int], classes: list[int], size: int) -> list[bytes]:
    """The class of every number below size, in pages."""
    plain = [_packed(number) * 256 for number in range(max(classes) + 1)]
    pages = [plain[0]] * (size >> 8)
    for index, first in enumerate(edges):
        past = edges[index + 1] if index + 1 < len(edges) else size
        number = classes[index + 1]
        while first < past:
            page, start = first >> 8, first & 255
            end = min(past - first + start, 256)
            if end - start == 256:
                whole = past - first >> 8
                pages[page : page + whole] = [plain[number]] * whole
                first += whole << 8
            else:
                pages[page] = pages[page][: 3 * start] + _packed(number) * (end - start) + pages[page][3 * end :]
                first += end - start
    return pages
