"""Tables: every value in the class whose mask is right, at and around every edge."""

from __future__ import annotations

import pytest

from conntrack.policy.ranges import split, united
from conntrack.policy.tables import AddressTable, NumberTable, number_edges


def numbers(table: NumberTable, *values: int) -> list[int]:
    """The masks of numbers."""
    return [table.masks[table.find(value)] for value in values]


def addresses(table: AddressTable, *values: bytes) -> list[int]:
    """The masks of addresses."""
    return [table.masks[table.find(value)] for value in values]


def edges(*spans: tuple[bytes, bytes]) -> list[bytes]:
    return split(united(spans).edges4, 4)


def test_a_table_without_edges_is_one_class() -> None:
    table = NumberTable([], 0b11, 1 << 16)

    assert numbers(table, 0, 443, 65535) == [0b11] * 3
    assert table.masks == [0b11]


def test_an_interval_holds_both_its_ends() -> None:
    table = NumberTable([(number_edges([(80, 90)]), 0b01)], 0b10, 1 << 16)

    assert numbers(table, 0, 79, 80, 85, 90, 91, 65535) == [0b10, 0b10, 0b11, 0b11, 0b11, 0b10, 0b10]


def test_intervals_overlap() -> None:
    table = NumberTable([(number_edges([(10, 20)]), 1), (number_edges([(15, 30)]), 2)], 0, 1 << 16)

    assert numbers(table, 9, 10, 14, 15, 20, 21, 30, 31) == [0, 1, 1, 3, 3, 2, 2, 0]


def test_equal_masks_are_one_class() -> None:
    table = NumberTable([(number_edges([(10, 20)]), 1), (number_edges([(30, 40)]), 1)], 2, 1 << 16)

    assert table.find(15) == table.find(35)
    assert table.find(0) == table.find(25) == table.find(99) == 0
    assert len(table.masks) == 2


@pytest.mark.parametrize(
    ("low", "high"), [(0, 0), (0, 255), (0, 256), (255, 256), (256, 511), (100, 1000), (65535, 65535), (0, 65535)]
)
def test_pages_hold_every_interval_however_it_lies(low: int, high: int) -> None:
    table = NumberTable([(number_edges([(low, high)]), 1)], 0, 1 << 16)

    assert numbers(table, *range(1 << 16)) == [int(low <= value <= high) for value in range(1 << 16)]


def test_single_numbers_side_by_side_in_one_page() -> None:
    table = NumberTable([(number_edges([(number, number)]), 1 << number) for number in range(300)], 0, 1 << 16)

    assert numbers(table, *range(301)) == [*(1 << number for number in range(300)), 0]


def test_number_edges_merge_what_overlaps_or_touches() -> None:
    assert number_edges([(5, 9), (1, 2), (3, 4), (8, 12), (20, 20)]) == [1, 13, 20, 21]


def test_addresses_at_and_around_the_edges() -> None:
    low, high = bytes((10, 0, 0, 0)), bytes((10, 255, 255, 255))
    table = AddressTable([(edges((low, high)), 0b01)], 0b10)

    asked = [bytes((9, 255, 255, 255)), low, bytes((10, 7, 7, 7)), high, bytes((11, 0, 0, 0))]

    assert addresses(table, *asked) == [0b10, 0b11, 0b11, 0b11, 0b10]


def test_the_first_and_the_last_address_there_is() -> None:
    first, last = bytes(4), b"\xff" * 4
    table = AddressTable([(edges((first, first)), 1), (edges((last, last)), 2)], 0)

    assert addresses(table, first, bytes((0, 0, 0, 1)), b"\xff\xff\xff\xfe", last) == [1, 0, 0, 2]


def test_an_unknown_address_has_only_the_rules_that_hold_for_it() -> None:
    span = (bytes((10, 0, 0, 0)), bytes((10, 0, 0, 255)))
    table = AddressTable([(edges(span), 0b001), (edges((bytes(4), bytes(4))), 0b010)], 0b100, unknown=0b010)

    assert addresses(table, b"") == [0b110]


def test_an_unknown_address_has_the_base_where_no_rule_holds_for_it() -> None:
    table = AddressTable([(edges((bytes(4), b"\xff" * 4)), 0b01)], 0b10)

    assert addresses(table, b"", bytes(4)) == [0b10, 0b11]


def test_masks_that_share_a_hash_do_not_slow_the_building() -> None:
    """Powers of two have 61 different hashes: as keys of a dictionary, masks of single rules would be quadratic."""
    count = 4000
    table = NumberTable([(number_edges([(number, number)]), 1 << number) for number in range(count)], 0, 1 << 16)

    assert len({hash(mask) for mask in table.masks}) < 70
    assert numbers(table, count - 1, count) == [1 << count - 1, 0]
