"""Schedules as written: `daily 07:00-23:00`, `mon-fri 08:00-18:00`, `sat,sun 22:00-06:00`.

Lives here: the parser, and following a name of `schedules:`. May not live here: what time it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from conntrack.policy.lists import each
from conntrack.policy.problems import Wrong, did_you_mean
from conntrack.policy.raw import Row
from conntrack.policy.units import text
from conntrack.policy.values import Window

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
GROUPS: Final = {"daily": 0b1111111, "weekdays": 0b0011111, "weekend": 0b1100000}
CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])", re.ASCII)
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}", re.ASCII)
ALL_DAY: Final = 24 * 60


def schedule(raw: Any) -> tuple[Window, ...]:
    """One line of hours, or a list of them."""
    if isinstance(raw, Row) and not raw:
        raise Wrong("a schedule without hours never matches", "write hours: mon-fri 08:00-18:00")
    return tuple(each(raw, lambda item: window(text(item, "hours"))))


def window(word: str) -> Window:
    """`[DAYS] HH:MM-HH:MM`, or days alone; hours that end before they begin run over midnight."""
    parts = word.lower().split()
    clock = parts.pop() if parts and ":" in parts[-1] else "00:00-24:00"
    if len(parts) > 1 or not word.strip():
        raise Wrong(
            f'"{word}" are no hours', "write days, a space, and hours: mon-fri 08:00-18:00 or sat,sun 22:00-06:00"
        )
    chosen = days(parts[0]) if parts else GROUPS["daily"]
    begin, dash, end = clock.partition("-")
    if not dash:
        raise Wrong(f'"{clock}" has no end', "write both ends, such as 08:00-18:00")
    start, stop = minute(begin), minute(end)
    if start == stop or start == ALL_DAY:
        raise Wrong(f'"{clock}" is empty', "for a whole day write 00:00-24:00")
    return Window(chosen, start, stop)


def minute(clock: str) -> int:
    """Minutes since midnight; 24:00 is the end of the day."""
    found = CLOCK.fullmatch(clock)
    value = int(found[1]) * 60 + int(found[2]) if found else ALL_DAY + 1
    if value > ALL_DAY:
        raise Wrong(f'"{clock}" is not a time of day', "write hours and minutes, 00:00 to 24:00")
    return value


def days(word: str) -> int:
    """`mon`, `mon-fri`, `sat,sun`, `daily`, `weekdays`, `weekend` → a set of bits; bit 0 is Monday."""
    chosen = 0
    for part in word.split(","):
        first, dash, last = part.partition("-")
        if part in GROUPS:
            chosen |= GROUPS[part]
            continue
        begin = _day(first)
        length = (_day(last) - begin) % 7 if dash else 0
        for step in range(length + 1):
            chosen |= 1 << (begin + step) % 7
    return chosen


def _day(word: str) -> int:
    if word[:3] in DAYS and "monday tuesday wednesday thursday friday saturday sunday".find(word) >= 0:
        return DAYS.index(word[:3])
    raise Wrong(f'"{word}" is not a day', did_you_mean(word, [*DAYS, *GROUPS]))


def reference(raw: Any) -> str:
    """`when:`: hours, checked here, or the name of a schedule, which check.py looks up."""
    word = text(raw, "a schedule")
    if not is_name(word):
        window(word)
    return word


def is_name(word: str) -> bool:
    """Whether a `when:` is a name, and not hours written out."""
    return NAME.fullmatch(word) is not None and word.lower() not in (*GROUPS, *DAYS) and not _spans_days(word)


def _spans_days(word: str) -> bool:
    return all(part in DAYS for part in word.lower().split("-"))


def resolve(when: str, schedules: Mapping[str, tuple[Window, ...]]) -> tuple[Window, ...]:
    """The windows of a `when:`; none for "". Raises Wrong for a schedule that is not known."""
    if not when:
        return ()
    if not is_name(when):
        return (window(when),)
    if when not in schedules:
        raise Wrong(f'unknown schedule "{when}"', did_you_mean(when, schedules) or "define it in `schedules:`")
    return schedules[when]
