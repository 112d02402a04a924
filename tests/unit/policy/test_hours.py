"""Schedules as written."""

from __future__ import annotations

from typing import Any

import pytest

from conntrack.policy import hours
from conntrack.policy.hours import is_name, resolve, schedule, window
from conntrack.policy.problems import Wrong, Wrongs
from conntrack.policy.raw import Row
from conntrack.policy.values import Window

MON, TUE, WED, THU, FRI, SAT, SUN = (1 << day for day in range(7))
WEEK = MON | TUE | WED | THU | FRI
EVERY = WEEK | SAT | SUN


def at(hour: int, minute: int = 0) -> int:
    return hour * 60 + minute


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("daily 07:00-23:00", Window(EVERY, at(7), at(23))),
        ("07:00-23:00", Window(EVERY, at(7), at(23))),
        ("7:00-9:30", Window(EVERY, at(7), at(9, 30))),
        ("mon-fri 08:00-18:00", Window(WEEK, at(8), at(18))),
        ("weekdays 08:00-18:00", Window(WEEK, at(8), at(18))),
        ("weekend 10:00-24:00", Window(SAT | SUN, at(10), at(24))),
        ("weekend", Window(SAT | SUN, 0, at(24))),
        ("daily", Window(EVERY, 0, at(24))),
        ("sat,sun 22:00-06:00", Window(SAT | SUN, at(22), at(6))),
        ("fri-mon 00:00-24:00", Window(FRI | SAT | SUN | MON, 0, at(24))),
        ("mon,wed-thu 12:00-13:00", Window(MON | WED | THU, at(12), at(13))),
        ("Mon-Fri 08:00-18:00", Window(WEEK, at(8), at(18))),
        ("monday-friday 08:00-18:00", Window(WEEK, at(8), at(18))),
        ("mon-sun 01:00-02:00", Window(EVERY, at(1), at(2))),
        ("tue-mon 01:00-02:00", Window(EVERY, at(1), at(2))),
        ("22:00-00:00", Window(EVERY, at(22), 0)),
    ],
)
def test_hours(word: str, found: Window) -> None:
    assert window(word) == found


@pytest.mark.parametrize(
    "word",
    [
        "22:30",
        "25:00-26:00",
        "07:60-08:00",
        "08:00-08:00",
        "24:00-06:00",
        "mon fri 08:00-18:00",
        "moo 08:00-18:00",
        "mon- 08:00-18:00",
        ",mon 08:00-18:00",
        "08:00-",
        "-08:00",
        "0800-1800",
        "24:30-25:00",
        "mon-fri 8-18",
        "",
        "always",
    ],
)
def test_no_hours(word: str) -> None:
    with pytest.raises(Wrong):
        window(word)


def test_a_schedule_is_one_line_or_several() -> None:
    assert schedule("weekend") == (window("weekend"),)
    assert schedule(Row(["weekend", "mon 08:00-09:00"])) == (window("weekend"), window("mon 08:00-09:00"))


def test_every_wrong_line_is_told_by_its_place() -> None:
    with pytest.raises(Wrongs) as caught:
        schedule(Row(["weekend", "moo", "08:00"]))
    assert [wrong.path for wrong in caught.value.wrongs] == [(1,), (2,)]


@pytest.mark.parametrize("raw", [Row(), ""])
def test_a_schedule_without_hours(raw: Any) -> None:
    with pytest.raises(Wrong):
        schedule(raw)


@pytest.mark.parametrize("word", ["office-hours", "office", "school.holidays", "sunny", "Monday-off"])
def test_names(word: str) -> None:
    assert is_name(word)
    assert hours.reference(word) == word


@pytest.mark.parametrize("word", ["daily", "weekend", "mon", "mon-fri", "SAT", "22:30", "mon 08:00-09:00", "8-18"])
def test_no_names(word: str) -> None:
    assert not is_name(word)


def test_a_name_is_looked_up_and_hours_are_read() -> None:
    named = {"office": (window("mon-fri 08:00-18:00"),)}
    assert resolve("office", named) == named["office"]
    assert resolve("sat 10:00-12:00", named) == (window("sat 10:00-12:00"),)
    assert resolve("", named) == ()


def test_an_unknown_name_is_told_with_the_likely_one() -> None:
    with pytest.raises(Wrong) as caught:
        resolve("ofice", {"office": ()})
    assert caught.value.hint == 'did you mean "office"?'
