"""The coarse time in which the program notes when it last saw a flow.

Lives here: seconds of CLOCK_MONOTONIC to ticks, and how long ago a tick was. May not live here: clocks. Compiled.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

#: one unit of Flow.last_seen: 2²⁰ ns of CLOCK_MONOTONIC, so 32 bits wrap after 52 days
TICK_SHIFT: Final = 20
TICK: Final = (1 << 20) / 1e9


def ticks(now: float) -> int:
    """A time as Flow.last_seen has it."""
    return int(moment(now) & 0xFFFF_FFFF)


def moment(now: float) -> i64:
    """A time in ticks, no matter how many bits."""
    return i64(int(now * 1e9)) >> TICK_SHIFT


def seconds(moment: i64) -> float:
    """The inverse, but for less than a tick."""
    return float(int(moment)) * TICK


def seen_at(last_seen: i64, now: i64) -> i64:
    """The moment of Flow.last_seen; right for any less than 26 days ago, and never after `now`."""
    age: i64 = now - last_seen & 0xFFFF_FFFF
    return now if age >= 0x8000_0000 else now - age


def seconds_since(last_seen: i64, now: float) -> float:
    """How long ago Flow.last_seen was; likewise."""
    ticked = moment(now)
    return seconds(ticked - seen_at(last_seen, ticked))
