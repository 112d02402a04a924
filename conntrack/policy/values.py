"""The values a rules file is made of once its words are read: spans of addresses, traffic, rates, hours.

Lives here: plain immutable types that both halves of the policy share. May not live here: parsing (units.py,
services.py, hours.py), YAML, pydantic.
"""

from __future__ import annotations

from typing import Final, NamedTuple

#: Traffic.protocol: every protocol
ANY_PROTOCOL: Final = -1


class Position(NamedTuple):
    """Where something stands in a file; line and column count from 1, 0 means the file as a whole."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


NOWHERE: Final = Position("", 0, 0)


class Span(NamedTuple):
    """An address, a network or a range: every address from low to high, both included and packed (4 or 16 bytes)."""

    low: bytes
    high: bytes

    @property
    def version(self) -> int:
        """4 or 6."""
        return 4 if len(self.low) == 4 else 6

    @property
    def extent(self) -> int:
        """How many addresses there are."""
        return int.from_bytes(self.high, "big") - int.from_bytes(self.low, "big") + 1

    @property
    def length(self) -> int:
        """The prefix length of a network; −1 for a range that is none."""
        size = self.extent.bit_length() - 1
        whole = self.extent == 1 << size and int.from_bytes(self.low, "big") % self.extent == 0
        return len(self.low) * 8 - size if whole else -1


class Ports(NamedTuple):
    """A range of ports, both ends included."""

    low: int
    high: int


class Addresses(NamedTuple):
    """What `source:` says: in one of spans or sets (where none is named: anywhere), but in none of the excepted."""

    spans: tuple[Span, ...] = ()
    sets: tuple[str, ...] = ()
    except_spans: tuple[Span, ...] = ()
    except_sets: tuple[str, ...] = ()


class Traffic(NamedTuple):
    """One kind of traffic: an IP protocol with destination ports, or an ICMP type and code (-1: any)."""

    protocol: int  # IP protocol number or ANY_PROTOCOL
    low: int = 0
    high: int = 65535
    icmp_type: int = -1
    icmp_code: int = -1
    helper: str = ""  # the application helper that this service needs ("ftp")


class Rate(NamedTuple):
    """`50/second per source burst 100`: a bucket of burst tokens, refilled with amount in every period (seconds)."""

    amount: int
    period: int
    burst: int
    per_source: bool = False


class Log(NamedTuple):
    """`log:`: kind is runtime.LOG_NEW or LOG_ALL; rate bounds the lines written, None: unbounded."""

    kind: int
    rate: Rate | None = None


class Window(NamedTuple):
    """Hours of a week in local time: days is a bit set (bit 0 Monday) of the days on which it opens.

    start and end are minutes of the day, end is not included. end <= start: it closes on the following day.
    """

    days: int
    start: int
    end: int


class Pair(NamedTuple):
    """A key of `policy:`. `any` in a tuple stands for every zone, the gateway (`self`) included."""

    sources: tuple[str, ...]
    destinations: tuple[str, ...]

    def __str__(self) -> str:
        return f"{', '.join(self.sources)} -> {', '.join(self.destinations)}"


class Target(NamedTuple):
    """Where a forward leads: the addresses to share the load among; port 0 keeps the outside port."""

    span: Span
    port: int = 0


class Listen(NamedTuple):
    """A TCP socket to listen on; port 0: none."""

    address: str
    port: int


class Case(NamedTuple):
    """A line of `tests:`, or what `explain` was asked.

    zone_out is "" where the destination's zone is to be found by its address. destination is b"" for a bare `self`
    (any address of the gateway). minute counts from Monday 00:00, None: none was named: `tests:` then judge at
    Monday 12:00, so that the result never depends on the clock, and `explain` judges now. verdict: accept, drop,
    reject or "" (explain).
    """

    text: str
    position: Position
    zone_in: str
    source: bytes
    source_port: int  # 0: none was named
    zone_out: str
    destination: bytes
    service: str  # see Document.traffic; every kind of traffic it holds must come to the verdict
    minute: int | None
    verdict: str
