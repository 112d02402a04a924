"""The ports (and ICMP identifiers) of one outside address and protocol: how many connections hold each.

Lives here: what is taken, what rests. May not live here: by whom (ports.py), or which port to try (choice.py).
"""

from __future__ import annotations

from array import array
from typing import Final

from mypy_extensions import i64

PORTS: Final = 65536


class PortUse:
    """The ports of one outside address and protocol; 256 kB, made when the first one is taken."""

    def __init__(self, protocol: int, address: bytes) -> None:
        self.protocol: i64 = protocol
        self.address = address
        self.used: i64 = 0  # ports that at least one connection holds
        self._holders = array("I", bytes(4 * PORTS))
        self.exclusive: set[int] = set()
        self._resting: dict[int, Rest] = {}  # released ports that other inside hosts may not have yet

    def holders(self, port: i64) -> i64:
        """How many connections hold the port."""
        return self._holders[int(port)]

    def take(self, port: i64) -> None:
        """One more connection holds the port."""
        count = self._holders[int(port)]
        if count == 0:
            self.used += 1
        self._holders[int(port)] = count + 1

    def give(self, port: i64) -> None:
        """One connection less holds the port."""
        count = self._holders[int(port)] - 1
        self._holders[int(port)] = count
        if count == 0:
            self.used -= 1

    def rest(self, port: i64, until: float, inside: bytes) -> None:
        """The port is free, but until then only for the inside address that had it."""
        self._resting[int(port)] = Rest(until, inside)

    def rests(self, port: i64, inside: bytes, now: float) -> bool:
        """Whether the port still rests for this inside address."""
        if not self._resting:
            return False
        rest = self._resting.get(int(port))
        if rest is None or rest.inside == inside:
            return False
        if rest.until > now:
            return True
        del self._resting[int(port)]
        return False


class Rest:
    """A released port's rest."""

    def __init__(self, until: float, inside: bytes) -> None:
        self.until = until
        self.inside = inside
