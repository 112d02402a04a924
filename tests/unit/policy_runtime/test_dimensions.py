"""From rules to masks: bits, groups of equal demands, zone pairs."""

from __future__ import annotations

import pytest

from conntrack.policy.dimensions import address_table, mask, number_table, zone_pairs
from conntrack.policy.match import Match
from conntrack.policy.ranges import EVERYWHERE, NOWHERE, united
from conntrack.policy.selection import Selection
from conntrack.policy.sets import NetworkSet
from conntrack.policy.values import Span

TEN = Span(bytes((10, 0, 0, 0)), bytes((10, 255, 255, 255)))
HOST = bytes((10, 0, 0, 1))


@pytest.mark.parametrize("bits", [[], [0], [7], [8], [0, 1, 2], [3, 11, 64, 1000], list(range(130))])
def test_mask_has_exactly_these_bits(bits: list[int]) -> None:
    assert mask(bits) == sum(1 << bit for bit in bits)


def test_rules_with_equal_demands_share_their_edges() -> None:
    table = number_table([((80, 80),), (), ((80, 80),), ((80, 81),)], 1 << 16)

    assert [table.masks[table.find(port)] for port in (79, 80, 81)] == [0b0010, 0b1111, 0b1010]


def test_the_rules_of_the_other_version_stand_nowhere() -> None:
    matches = [Match((), ()) for _ in range(3)]
    matches[0].version = 6
    table = address_table(matches, [None, None, Selection("10", united([TEN]))], 4)

    assert table.masks[table.find(HOST)] == 0b110
    assert table.masks[table.find(bytes(4))] == 0b010


def test_a_selection_that_asks_sets_is_left_to_a_condition() -> None:
    asking = Selection("file", NOWHERE, [NetworkSet("file", file="x")])
    table = address_table([Match((), ())], [asking], 4)

    assert table.masks[table.find(HOST)] == 0b1


def test_an_unknown_address_is_in_what_excepts_a_few() -> None:
    but = Selection("!10", EVERYWHERE, (), united([TEN]))
    table = address_table([Match((), ()), Match((), ())], [but, Selection("10", united([TEN]))], 4)

    assert [table.masks[table.find(address)] for address in (b"", HOST, bytes(4))] == [0b01, 0b10, 0b01]


def test_zone_pairs_by_row_and_column() -> None:
    matches = [Match((0, 1), (2,)), Match((1,), (0, 2)), Match((), ())]

    assert zone_pairs(matches, 2, 3) == [0, 0, 0b001, 0b010, 0, 0b011]
