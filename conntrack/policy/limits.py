"""Token buckets: how often a rule may match, a line be logged, a rejection be answered.

Lives here: the bucket, for all together or one a source. May not live here: a clock (`now` is an argument), rules.

A bucket is one float: the time at which it is full again (the "theoretical arrival time" of ATM's generic cell
rate algorithm, ITU-T I.371). Taking a token moves that time on by period / count; a token is there while it lies
less than a burst ahead.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from mypy_extensions import i64

#: how many sources one limit remembers
REMEMBERED: Final = 65536
#: seconds by which rounding may make a token late
_SLACK: Final = 1e-6
_UNITS: Final = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}


class Limit:
    """At most `burst` at once and `count` in every `period` seconds, for all sources together or for each one.

    A source is an IPv4 address or an IPv6 /64: whoever has one address of a /64 has them all. Only so many sources
    are remembered: the one that took a token longest ago makes room once its bucket is full again. While none has,
    all new sources share one bucket, so that a flood of forged sources neither fills the memory nor lifts the limit.
    """

    def __init__(
        self, count: int, period: int, burst: int, per_source: bool = False, remembered: int = REMEMBERED
    ) -> None:
        """Raises ValueError for a count, period or burst under 1."""
        if count < 1 or period < 1 or burst < 1:
            raise ValueError(f"a limit of {count}/{period} s burst {burst}: each must be at least 1")
        self.count = count
        self.period = period
        self.burst = burst
        self.per_source = per_source
        self.refused: i64 = 0
        self._remembered: i64 = remembered
        self._step = period / count
        self._ahead = (burst - 1) * self._step + _SLACK
        self._full = 0.0
        self._sources: OrderedDict[bytes, float] = OrderedDict()

    def take(self, source: bytes, now: float) -> bool:
        """Takes a token at `now` (monotonic seconds, never before an earlier call's); False if none is left."""
        taken = self._take_of(source, now) if self.per_source else self._take_common(now)
        if not taken:
            self.refused += 1
        return taken

    def left(self, source: bytes, now: float) -> bool:
        """Whether `take` would succeed now; changes nothing."""
        full = self._sources.get(_subscriber(source), self._full_for_new(now)) if self.per_source else self._full
        return full - now <= self._ahead

    def sources(self) -> int:
        """How many sources are remembered."""
        return len(self._sources)

    def text(self) -> str:
        """As the rules file writes it: "5/minute per source burst 10"."""
        unit = _UNITS.get(self.period, f"{self.period} seconds")
        return f"{self.count}/{unit}{' per source' if self.per_source else ''}{self._burst_text()}"

    def _burst_text(self) -> str:
        return "" if self.burst == self.count else f" burst {self.burst}"

    def _take_common(self, now: float) -> bool:
        if self._full - now > self._ahead:
            return False
        self._full = max(self._full, now) + self._step
        return True

    def _take_of(self, source: bytes, now: float) -> bool:
        key = _subscriber(source)
        full = self._sources.get(key)
        if full is None:
            return self._take_new(key, now)
        if full - now > self._ahead:
            return False
        self._sources[key] = max(full, now) + self._step
        self._sources.move_to_end(key)
        return True

    def _take_new(self, key: bytes, now: float) -> bool:
        if len(self._sources) >= self._remembered and not self._forget_one(now):
            return self._take_common(now)
        self._sources[key] = now + self._step
        return True

    def _forget_one(self, now: float) -> bool:
        oldest = next(iter(self._sources))
        if self._sources[oldest] > now:
            return False
        del self._sources[oldest]
        return True

    def _full_for_new(self, now: float) -> float:
        if len(self._sources) < self._remembered or self._sources[next(iter(self._sources))] <= now:
            return now
        return self._full


def _subscriber(source: bytes) -> bytes:
    return source[:8] if len(source) == 16 else source
