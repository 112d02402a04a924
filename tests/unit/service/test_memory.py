from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from conntrack.service import memory


@pytest.fixture(autouse=True)
def collector_as_before() -> Iterator[None]:
    yield
    memory.give_back()
    assert gc.isenabled()


class Circle:
    def __init__(self) -> None:
        self.itself = self


def test_after_take_over_nothing_is_collected_by_itself() -> None:
    memory.take_over()
    circle = weakref.ref(Circle())
    garbage = [[number] for number in range(5000)]  # enough for several automatic runs
    del garbage
    assert not gc.isenabled()
    assert circle() is not None


def test_tidy_frees_circles() -> None:
    memory.take_over()
    circle = weakref.ref(Circle())
    assert memory.tidy()
    assert circle() is None


def test_survivors_are_not_looked_at_again() -> None:
    memory.take_over()
    frozen = gc.get_freeze_count()
    kept = [Circle() for _ in range(100)]
    memory.tidy()
    assert gc.get_freeze_count() >= frozen + 100
    assert gc.get_count()[0] < 100
    assert kept


def test_much_that_is_new_is_moved_away_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    memory.take_over()
    monkeypatch.setattr(memory, "YOUNG_LIMIT", 10)
    kept = [Circle() for _ in range(100)]
    assert not memory.tidy()
    assert gc.get_freeze_count() >= 100
    assert kept


def test_a_connection_that_left_the_table_needs_no_collector() -> None:
    from conntrack.flow.connection import Connection
    from conntrack.flow.pair import build, invert
    from conntrack.flow.table import Table

    memory.take_over()
    marker = Circle()
    gone = weakref.ref(marker)
    del marker.itself
    key = build(17, bytes(4), bytes((1, 2, 3, 4)), 1, 2)
    connection = Connection(1, key, invert(key), 0.0)
    connection.rule = marker
    connection.deadline = 30.0
    table = Table()
    assert table.insert(connection)
    table.remove(connection)
    del connection, marker
    assert gone() is None
