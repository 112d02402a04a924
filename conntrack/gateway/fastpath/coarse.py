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
    return (int(now * 1e9) >> TICK_SHIFT) & 0xFFFF_FFFF


def seconds_since(last_seen: i64, now: float) -> float:
    """How long ago Flow.last_seen was; right for anything under 26 days, and never negative."""
    age: i64 = (i64(int(now * 1e9)) >> TICK_SHIFT) - last_seen & 0xFFFF_FFFF
    return 0.0 if age >= 0x8000_0000 else float(int(age)) * TICK
