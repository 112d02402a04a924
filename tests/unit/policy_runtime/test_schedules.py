"""Schedules against real time zones: edges, midnight, weekdays, and the two nights when clocks change."""

from __future__ import annotations

from datetime import datetime
from time import struct_time
from zoneinfo import ZoneInfo

import pytest

from conntrack.policy.schedules import Schedule
from conntrack.policy.values import Window

DAILY = 0b1111111
WEEKDAYS = 0b0011111
BERLIN = ZoneInfo("Europe/Berlin")


class Clock:
    """localtime for one zone, counting how often it is asked."""

    def __init__(self, zone: ZoneInfo = BERLIN) -> None:
        self.zone = zone
        self.asked = 0

    def __call__(self, wall: float) -> struct_time:
        self.asked += 1
        return datetime.fromtimestamp(wall, self.zone).timetuple()


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def minutes(text: str) -> int:
    hours, _, rest = text.partition(":")
    return int(hours) * 60 + int(rest)


def schedule(start: str, end: str, days: int = DAILY, clock: Clock | None = None) -> Schedule:
    return Schedule("hours", [Window(days, minutes(start), minutes(end))], clock or Clock())


@pytest.mark.parametrize(
    ("time", "active"),
    [
        ("2026-06-10T06:59:59", False),
        ("2026-06-10T07:00:00", True),
        ("2026-06-10T22:59:59.9", True),
        ("2026-06-10T23:00:00", False),
    ],
)
def test_the_first_minute_is_in_and_the_last_is_out(time: str, active: bool) -> None:
    assert schedule("07:00", "23:00").active(at(time)) is active


@pytest.mark.parametrize(
    ("time", "active"),
    [
        ("2026-06-12T21:59:00", False),  # Friday
        ("2026-06-12T22:00:00", True),
        ("2026-06-13T05:59:00", True),  # Saturday morning belongs to Friday's window
        ("2026-06-13T06:00:00", False),
        ("2026-06-13T22:30:00", False),  # Saturday opens none
        ("2026-06-14T05:00:00", False),
        ("2026-06-15T05:00:00", False),  # Sunday opened none either
        ("2026-06-15T22:00:00", True),  # Monday
    ],
)
def test_over_midnight_the_day_is_that_of_the_opening(time: str, active: bool) -> None:
    assert schedule("22:00", "06:00", WEEKDAYS).active(at(time)) is active


def test_equal_ends_are_a_whole_day_from_the_opening() -> None:
    whole = schedule("00:00", "00:00", 0b1000000)  # Sunday

    assert not whole.active(at("2026-06-13T23:59:59"))
    assert whole.active(at("2026-06-14T00:00:00"))
    assert whole.active(at("2026-06-14T23:59:59"))
    assert not whole.active(at("2026-06-15T00:00:00"))


def test_the_end_of_a_day_written_as_24_00() -> None:
    late = Schedule("late", [Window(0b0000001, 1200, 1440)], Clock())

    assert late.active(at("2026-06-15T23:59:59"))
    assert not late.active(at("2026-06-16T00:00:00"))


def test_one_of_several_windows_is_enough() -> None:
    lunch = Schedule("breaks", [Window(DAILY, 600, 615), Window(DAILY, 720, 780)], Clock())

    assert [lunch.active(at(f"2026-06-10T{clock}")) for clock in ("10:14", "10:15", "12:00", "13:00")] == [
        True,
        False,
        True,
        False,
    ]


def test_no_window_is_never() -> None:
    assert not Schedule("never", [], Clock()).active(at("2026-06-10T12:00"))


def test_in_spring_a_window_opens_when_the_clock_jumps_over_its_edge() -> None:
    early = schedule("02:30", "04:00")

    assert not early.active(at("2026-03-29T01:59:59"))
    assert early.active(at("2026-03-29T01:59:59") + 1)  # 03:00 summer time
    assert early.active(at("2026-03-29T03:59:59"))
    assert not early.active(at("2026-03-29T04:00:00"))


def test_in_autumn_the_hour_that_comes_twice_counts_twice() -> None:
    early = schedule("02:00", "02:30")

    assert early.active(at("2026-10-25T02:10"))
    assert not early.active(at("2026-10-25T02:40"))
    assert early.active(at("2026-10-25T02:10", fold=1))
    assert not early.active(at("2026-10-25T02:40", fold=1))


def test_a_clock_that_moves_by_half_an_hour() -> None:
    island = ZoneInfo("Australia/Lord_Howe")
    early = schedule("02:10", "03:00", clock=Clock(island))

    before = at("2026-10-04T01:59:59", island)
    assert not early.active(before)
    assert early.active(before + 1)  # 02:30


def test_every_minute_of_the_nights_when_clocks_change_agrees_with_the_calendar() -> None:
    early = schedule("01:45", "03:10", WEEKDAYS | 0b1000000)
    for day in ("2026-03-28T20:00", "2026-10-24T20:00"):
        start = at(day)
        for second in range(0, 12 * 3600, 30):
            local = datetime.fromtimestamp(start + second, BERLIN)
            clock = local.hour * 60 + local.minute
            assert early.active(start + second) is (local.weekday() != 5 and 105 <= clock < 190), local


def test_local_time_is_asked_for_at_edges_and_quarters_only() -> None:
    clock = Clock()
    office = schedule("08:10", "18:00", clock=clock)
    start = at("2026-06-10T08:00")

    for second in range(3600):
        office.active(start + second)

    assert clock.asked == 5  # 08:00, 08:10, 08:15, 08:30, 08:45


def test_a_clock_set_back_is_noticed() -> None:
    office = schedule("08:00", "18:00")

    assert office.active(at("2026-06-10T08:00"))
    assert not office.active(at("2026-06-10T07:59:59"))


@pytest.mark.parametrize(
    ("minute", "active"),
    [(4 * 1440 + 1320, True), (5 * 1440 + 359, True), (5 * 1440 + 360, False), (0, False), (11 * 1440 + 1320, True)],
)
def test_open_at_a_minute_of_the_week_needs_no_clock(minute: int, active: bool) -> None:
    clock = Clock()

    assert schedule("22:00", "06:00", WEEKDAYS, clock).open_at(minute) is active
    assert clock.asked == 0


def test_sunday_night_reaches_into_monday() -> None:
    assert schedule("22:00", "06:00", 0b1000000).open_at(300)
