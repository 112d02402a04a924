"""The ports (and ICMP identifiers) of one outside address and protocol: how many connections hold each.

Lives here: what is taken, what rests. May not live here: by whom (ports.py), or which port to try (choice.py).
"""

from __future__ import annotations

from array import array
from typing import Final

from mypy_extensions import i64

PORTS: Final = 65536
#: an address with more ports in use than this has a counter for each: 256 kB, about what a dict of them takes
FEW: Final = 2048


class PortUse:
    """The ports of one outside address and protocol.

    A network that stands for another (one-to-one) has as many of these as hosts of it speak, so one costs little as
    long as few ports are in use.
    """

    def __init__(self, protocol: int, address: bytes) -> None:
        self.protocol: i64 = protocol
        self.address = address
        self.used: i64 = 0  # ports that at least one connection holds
        self._few: dict[int, int] = {}  # port → connections that hold it; unused once there are many
        self._many: array[int] | None = None
        self.exclusive: set[int] = set()
        self._resting: dict[int, Rest] = {}  # released ports that other inside hosts may not have yet
        self._rested = 0.0  # when the last of them has

    def holders(self, port: i64) -> i64:
        """How many connections hold the port."""
        many = self._many
        return self._few.get(int(port), 0) if many is None else many[int(port)]

    def take(self, port: i64) -> None:
        """One more connection holds the port."""
        count = int(self.holders(port))
        if count == 0:
            self.used += 1
        many = self._many
        if many is not None:
            many[int(port)] = count + 1
            return
        self._few[int(port)] = count + 1
        if self.used > FEW:
            self._count_all()

    def give(self, port: i64) -> None:
        """One connection less holds the port."""
        count = int(self.holders(port)) - 1
        if count == 0:
            self.used -= 1
        many = self._many
        if many is not None:
            many[int(port)] = count
        elif count:
            self._few[int(port)] = count
        else:
            del self._few[int(port)]

    def rest(self, port: i64, until: float, inside: bytes) -> None:
        """The port is free, but until then only for the inside address that had it."""
        self._resting[int(port)] = Rest(until, inside)
        self._rested = max(self._rested, until)

    def rests(self, port: i64, inside: bytes, now: float) -> bool:
        """Whether the port still rests for this inside address."""
        if not self._resting:
            return False
        if self._rested <= now:
            self._resting = {}
            return False
        rest = self._resting.get(int(port))
        if rest is None or rest.inside == inside:
            return False
        if rest.until > now:
            return True
        del self._resting[int(port)]
        return False

    def idle(self, now: float) -> bool:
        """Whether nothing of it need be remembered."""
        return self.used == 0 and self._rested <= now

    def _count_all(self) -> None:
        many = array("I", bytes(4 * PORTS))
        for port, count in self._few.items():
            many[port] = count
        self._many = many
        self._few = {}


class Rest:
    """A released port's rest."""

    def __init__(self, until: float, inside: bytes) -> None:
        self.until = until
        self.inside = inside
