"""Selections: literal addresses, sets, exceptions, and whether a table can hold them."""

from __future__ import annotations

import pytest

from conntrack.policy.ranges import EVERYWHERE, NOWHERE, united
from conntrack.policy.selection import Selection
from conntrack.policy.setfile import members
from conntrack.policy.sets import NetworkSet

ANN = bytes((10, 0, 0, 1))
BOB = bytes((10, 0, 0, 2))
CARL = bytes((192, 0, 2, 1))

TEN = united(members("10.0.0.0/8", ""))
ONLY_ANN = united(members("10.0.0.1", ""))


def from_file(*words: str) -> NetworkSet:
    return NetworkSet("file", members("\n".join(words), ""), file="file.txt")


def held(selection: Selection) -> list[bool]:
    return [selection.holds(address) for address in (ANN, BOB, CARL, b"")]


@pytest.mark.parametrize(
    ("selection", "holds"),
    [
        (Selection("10.0.0.0/8", TEN), [True, True, False, False]),
        (Selection("10.0.0.0/8, !10.0.0.1", TEN, (), ONLY_ANN), [False, True, False, False]),
        (Selection("!10.0.0.1", EVERYWHERE, (), ONLY_ANN), [False, True, True, True]),
        (Selection("file", NOWHERE, [from_file("192.0.2.1")]), [False, False, True, False]),
        (Selection("file, 10.0.0.1", ONLY_ANN, [from_file("192.0.2.1")]), [True, False, True, False]),
        (Selection("10.0.0.0/8, !file", TEN, (), NOWHERE, [from_file("10.0.0.2")]), [True, False, False, False]),
        (Selection("!file", EVERYWHERE, (), NOWHERE, [from_file("10.0.0.2")]), [True, False, True, True]),
    ],
    ids=lambda value: value.text if isinstance(value, Selection) else "",
)
def test_holds(selection: Selection, holds: list[bool]) -> None:
    assert held(selection) == holds


def test_without_sets_the_ranges_say_it_all() -> None:
    selection = Selection("10.0.0.0/8, !10.0.0.1", TEN, (), ONLY_ANN)

    assert not selection.is_asked()
    assert [selection.ranges().contains(address) for address in (ANN, BOB, CARL, b"")] == held(selection)


@pytest.mark.parametrize(
    "selection",
    [Selection("file", NOWHERE, [from_file()]), Selection("!file", EVERYWHERE, (), NOWHERE, [from_file()])],
)
def test_with_sets_it_must_be_asked(selection: Selection) -> None:
    assert selection.is_asked()
