"""Words, rows and tables: finding things in them by path."""

from __future__ import annotations

from conntrack.policy.raw import Row, Table, Word, follow, locate, position_of, without, word
from conntrack.policy.values import NOWHERE, Position


def at(line: int, column: int) -> Position:
    return Position("rules.yaml", line, column)


def sample() -> Table:
    """a: {b: [x, y], c: }"""
    row = Row([word("x", at(1, 9)), word("y", at(1, 12))])
    row.position = at(1, 8)
    inner = Table({word("b", at(1, 5)): row, word("c", at(1, 16)): word("", at(1, 18))})
    inner.position = at(1, 4)
    root = Table({word("a", at(1, 1)): inner})
    root.position = at(1, 1)
    return root


def test_a_word_is_a_string_that_knows_its_place() -> None:
    found = word("lan", at(3, 4))
    assert found == "lan"
    assert isinstance(found, Word)
    assert position_of(found) == at(3, 4)
    assert position_of("lan") == NOWHERE


def test_following_a_path() -> None:
    assert follow(sample(), ["a", "b", 1]) == "y"
    assert follow(sample(), []) == sample()
    assert follow(sample(), ["a", "b", 2]) is None
    assert follow(sample(), ["a", 0]) is None
    assert follow(sample(), ["z", "b"]) is None


def test_locating_a_path() -> None:
    assert locate(sample(), ["a", "b", 1]) == at(1, 12)
    assert locate(sample(), ["a", "b"]) == at(1, 8)
    assert locate(sample(), []) == at(1, 1)


def test_what_is_not_there_is_located_by_the_last_thing_on_the_way() -> None:
    assert locate(sample(), ["a", "b", 7]) == at(1, 8)
    assert locate(sample(), ["a", "z"]) == at(1, 4)


def test_a_value_that_is_empty_is_located_by_its_key() -> None:
    assert locate(sample(), ["a", "c"]) == at(1, 16)


def test_keys_have_places() -> None:
    assert sample()["a"].key_position("c") == at(1, 16)
    assert sample()["a"].key_position("z") == at(1, 4)


def test_leaving_things_out_copies() -> None:
    root = sample()
    left = without(root, [("a", "b"), ("z",), ("a", "z")])
    assert left == {"a": {"c": ""}}
    assert (left.position, left["a"].position) == (at(1, 1), at(1, 4))
    assert root == sample()
    assert without(root, [("a",), ("a", "b")]) == {}
