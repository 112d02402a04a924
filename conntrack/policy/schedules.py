"""Schedules: whether a `when:` is open at a given time.

Lives here: the hours of a week and when they are looked at again. May not live here: their text (hours.py), the
clock and the time zone: both are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from mypy_extensions import i64

if TYPE_CHECKING:
    from time import struct_time

    from conntrack.policy.values import Window

_DAY: Final = 1440
_WEEK: Final = 10080
#: local clocks are only ever moved (DST, changes of zone) at a multiple of this many minutes
_QUARTER: Final = 15


class Schedule:
    """Hours of the week in local time. Local time is asked for again only at the next edge or quarter of an hour.

    `localtime` turns Unix time into a struct_time as time.localtime does; its zone is the administrator's. Where the
    clock jumps over an edge in spring, the window opens or closes at the jump; an hour that comes twice in autumn
    counts twice.
    """

    def __init__(self, name: str, windows: Sequence[Window], localtime: Callable[[float], struct_time]) -> None:
        self.name = name
        self._days: list[i64] = [window.days for window in windows]
        self._starts: list[i64] = [window.start for window in windows]
        self._ends: list[i64] = [window.end for window in windows]
        self._localtime = localtime
        self._active = False
        self._since = 0.0  # _active holds for _since <= wall < _until
        self._until = 0.0

    def active(self, wall: float) -> bool:
        """Whether it is open at this Unix time. The clock may step either way."""
        if wall < self._since or wall >= self._until:
            self._look(wall)
        return self._active

    def open_at(self, minute: i64) -> bool:
        """Whether it is open in this minute of the week, counted from Monday 00:00, modulo a week."""
        minute %= _WEEK
        day = minute // _DAY
        clock = minute % _DAY
        return any(self._covers(number, day, clock) for number in range(len(self._days)))

    def _covers(self, number: i64, day: i64, clock: i64) -> bool:
        days = self._days[number]
        start = self._starts[number]
        end = self._ends[number]
        today = days >> day & 1 == 1
        if start < end:
            return today and start <= clock < end
        yesterday = days >> ((day + 6) % 7) & 1 == 1
        return (today and clock >= start) or (yesterday and clock < end)

    def _look(self, wall: float) -> None:
        local = self._localtime(wall)
        minute: i64 = local.tm_wday * _DAY + local.tm_hour * 60 + local.tm_min
        self._active = self.open_at(minute)
        steps: i64 = 1
        most = _QUARTER - minute % _QUARTER
        while steps < most and self.open_at(minute + steps) == self._active:
            steps += 1
        self._since = wall
        second: i64 = min(local.tm_sec, 59)
        self._until = float(int(wall)) + float(steps * 60 - second)
