"""The tables of an ordered list of rules: one for each thing about a connection that a table can answer.

Lives here: which rules stand under which value. May not live here: how a table is built and asked (tables.py).
A rule's bit is its index in the list that is given.
"""

from __future__ import annotations

from collections.abc import Sequence

from conntrack.policy.match import Match
from conntrack.policy.selection import Selection
from conntrack.policy.tables import AddressTable, NumberTable, number_edges

Intervals = tuple[tuple[int, int], ...]


def number_table(demands: Sequence[Intervals], size: int) -> NumberTable:
    """The table of what each rule demands of a number below size; () demands nothing."""
    bits: dict[Intervals, list[int]] = {}
    for bit, intervals in enumerate(demands):
        bits.setdefault(intervals, []).append(bit)
    base = mask(bits.pop((), []))
    return NumberTable([(number_edges(intervals), mask(found)) for intervals, found in bits.items()], base, size)


def address_table(
    matches: Sequence[Match], demands: Sequence[Selection | None], version: int, family: int = 0
) -> AddressTable:
    """The table of what each rule demands of one of its addresses, for IPv4 (4) or IPv6 (6).

    The rules of the other version stand nowhere in it; selections that ask sets are for a condition to judge.
    family: whose rules stand in it, where that is not the address's own version (NAT64).
    """
    bits: dict[int, list[int]] = {}  # by the selection's identity; 0: no demand
    fixed: dict[int, Selection] = {}
    for bit, selection in enumerate(demands):
        if matches[bit].version in (0, family or version):
            asked = 0 if selection is None or selection.is_asked() else id(selection)
            if asked and selection is not None:
                fixed[asked] = selection
            bits.setdefault(asked, []).append(bit)
    base = mask(bits.pop(0, []))
    groups: list[tuple[list[bytes], int]] = []
    unknown: list[int] = []
    for asked, found in bits.items():
        ranges = fixed[asked].ranges()
        edges = ranges.edges(version)
        if edges:
            groups.append((edges, mask(found)))
        if ranges.unknown:
            unknown += found
    return AddressTable(groups, base, mask(unknown))


def zone_pairs(matches: Sequence[Match], rows: int, columns: int) -> list[int]:
    """For each zone pair, at zone_in · columns + zone_out, the mask of the rules that are for it."""
    bits: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for bit, match in enumerate(matches):
        bits.setdefault((match.zones_in, match.zones_out), []).append(bit)
    masks = [0] * (rows * columns)
    for (zones_in, zones_out), found in bits.items():
        rules = mask(found)
        for zone_in in zones_in:
            for zone_out in zones_out:
                masks[zone_in * columns + zone_out] |= rules
    return masks


def mask(bits: Sequence[int]) -> int:
    """The integer with these bits set."""
    if len(bits) == 1:
        return 1 << bits[0]
    octets = bytearray(max(bits, default=0) // 8 + 1)
    for bit in bits:
        octets[bit >> 3] |= 1 << (bit & 7)
    return int.from_bytes(octets, "little")
