"""Named sets of addresses: what is in them now, and how a file of them is read.

Lives here: the set, swapped whole, and `parse`, a pure function. May not live here: reading the file or watching
the clock (service/), which rules use a set (compile.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from socket import AF_INET, AF_INET6, inet_pton

from mypy_extensions import i64

from conntrack.policy.ranges import NOWHERE, Ranges, united
from conntrack.policy.values import Span


class BadMember(Exception):
    """A line of a set's file that is no address, network or range."""

    def __init__(self, line: int, text: str, remedy: str) -> None:
        super().__init__(f"line {line}: {text!r} is not an address, network or range: {remedy}")
        self.line = line
        self.text = text
        self.remedy = remedy


class NetworkSet:
    """One entry of `sets:`. `fixed` are the spans written in the rules file; those of its file are replaced whole.

    `file` is "" for a set without one, whose members never change. `refresh` is in seconds, 0: only on reload.
    """

    def __init__(self, name: str, fixed: Sequence[Span] = (), file: str = "", refresh: float = 0.0) -> None:
        self.name = name
        self.file = file
        self.refresh = refresh
        self.generation: i64 = 0  # how often the members were replaced
        self.refreshed = 0.0  # Unix time of the last replacement, 0.0: never since the policy was compiled
        self.members = 0  # spans given, before merging
        self._fixed = fixed
        self._ranges = NOWHERE
        self._hold(fixed)

    def contains(self, address: bytes) -> bool:
        """Whether a packed address (4 or 16 bytes) is a member."""
        return self._ranges.contains(address)

    def ranges(self) -> Ranges:
        """The members as they are now; a later replacement makes new ones and leaves these alone."""
        return self._ranges

    def size(self) -> int:
        """How many disjoint intervals the members come to."""
        return self._ranges.size()

    def replace(self, spans: Sequence[Span], wall: float) -> None:
        """Takes these for the members from the file, from the next packet on. ValueError: a set without a file."""
        if not self.file:
            raise ValueError(f"set {self.name} has no file: its members change with the rules file only")
        self._hold([*self._fixed, *spans])
        self.generation += 1
        self.refreshed = wall

    def _hold(self, spans: Sequence[Span]) -> None:
        self.members = len(spans)
        self._ranges = united(spans)


def parse(text: str) -> list[Span]:
    """The spans of a set's file: one address, network or range (`10.0.0.1-10.0.0.9`) a line, `#` and `;` comments.

    Raises BadMember for the first line that is none of them.
    """
    spans: list[Span] = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].partition(";")[0].strip()
        if word:
            try:
                spans.append(member(word))
            except ValueError as error:
                raise BadMember(number, word, str(error)) from None
    return spans


def member(word: str) -> Span:
    """One address, network or range. Raises ValueError with what to write instead."""
    first, slash, length = word.partition("/")
    if slash:
        return _network(_packed(first), length)
    first, dash, last = word.partition("-")
    low = _packed(first.strip())
    if not dash:
        return Span(low, low)
    high = _packed(last.strip())
    if len(low) != len(high):
        raise ValueError("both ends of a range must be of one family")
    if low > high:
        raise ValueError(f"the range runs backwards: write {last.strip()}-{first.strip()}")
    return Span(low, high)


def _packed(text: str) -> bytes:
    try:
        return inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError):
        raise ValueError("write it like 192.0.2.1, 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1-192.0.2.9") from None


def _network(address: bytes, text: str) -> Span:
    size = len(address)
    if not (text.isascii() and text.isdigit()) or int(text) > size * 8:
        raise ValueError(f"the prefix length must be a number from 0 to {size * 8}")
    host = (1 << (size * 8 - int(text))) - 1
    number = int.from_bytes(address, "big")
    if number & host:
        raise ValueError("bits are set after the prefix: clear them, or leave the prefix out for one address")
    return Span(address, (number | host).to_bytes(size, "big"))
