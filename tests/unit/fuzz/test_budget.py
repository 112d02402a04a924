"""The given seconds are the whole run's, whatever single targets do with theirs."""

from __future__ import annotations

import pytest

from tests.fuzz import budget, unguided


class Clock:
    """Stands still unless somebody moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


def test_time_is_shared_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    ends = []
    for _, until in budget.shares(["a", "b", "c", "d"], 140.0):
        ends.append(until)
        clock.now = until
    assert ends == [110.0, 120.0, 130.0, 140.0]


def test_who_takes_longer_leaves_less_to_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    shares = budget.shares(["a", "b", "c"], 130.0)
    assert next(shares) == ("a", 110.0)
    clock.now = 120.0
    assert next(shares) == ("b", 125.0)


def test_who_ends_early_leaves_more(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    assert [until for _, until in budget.shares(["a", "b", "c"], 130.0)] == [110.0, 115.0, 130.0]


def test_without_time_every_target_still_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    assert list(budget.shares(["a", "b"], 90.0)) == [("a", 100.0), ("b", 100.0)]


def test_one_input_at_least_and_none_after_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    seen: list[bytes] = []
    assert unguided.fuzz(seen.append, 90.0) == (1, "")
    assert len(seen) == 1


def test_a_finding_is_told_with_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    def target(data: bytes) -> None:
        clock.now += 0.1  # the time is up before the smallest one is found
        assert len(data) < 3, "too long"

    executions, found = unguided.fuzz(target, 105.0)
    assert executions > 0
    assert "too long" in found
    assert r"data=b'\x00\x00\x00'" in found
