"""Finds the first of many rules that matches, without asking them one by one.

Lives here: the search. May not live here: what a rule demands (match.py), the tables (dimensions.py), what follows
from a match (policy.py).

A set of rules is an integer with a bit a rule, the first rule the highest. Each dimension (zones, service, source port,
source, destination) puts a connection into a class with a mask of the rules left standing. The masks of a
combination of classes are ANDed when it is seen first, and remembered. The highest bit left is the first candidate.
What no table answers is a condition: one that fails takes away every rule that needs it in one AND, so the number
of steps is bounded by the number of different conditions, not of rules. A limit is asked last, when nothing else
stands between the connection and its rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mypy_extensions import i64

from conntrack.policy.conditions import Condition, conditions
from conntrack.policy.dimensions import address_table, mask, number_table, zone_pairs
from conntrack.policy.match import Match, service_key
from conntrack.policy.runtime import Query, Rule

#: combinations of classes remembered: at most so many, and so many bits of masks
_COMBINATIONS: Final = 32768
_BITS: Final = 1 << 27


class Classifier:
    """An ordered list of rules. `exhausted` is the first rule that only its limit held back in the last search."""

    def __init__(self, matches: Sequence[Match], rows: int, columns: int, across: bool = False) -> None:
        """matches: the first rule first; their zones_in are under rows, their zones_out under columns.

        across: connections from IPv6 to IPv4 are asked about as well: IPv6 ones with an IPv4 destination.
        """
        self._matches = list(reversed(matches))  # by bit
        self.exhausted: Rule | None = None
        sources = [match.source for match in self._matches]
        destinations = [match.destination for match in self._matches]
        self._pairs = zone_pairs(self._matches, rows, columns)
        self._services = number_table([match.services for match in self._matches], 1 << 24)
        self._ports = number_table([match.source_ports for match in self._matches], 1 << 16)
        self._sources4 = address_table(self._matches, sources, 4)
        self._sources6 = address_table(self._matches, sources, 6)
        self._destinations4 = address_table(self._matches, destinations, 4)
        self._destinations6 = address_table(self._matches, destinations, 6)
        self._across = address_table(self._matches if across else [], destinations if across else [], 4, 6)
        self._combinations: dict[int, int] = {}
        self._room: i64 = min(_COMBINATIONS, _BITS // (len(matches) + 1))
        self._conditions: list[Condition] = []
        self._without: list[int] = []  # by condition: the rules that can do without it
        self._needs: list[tuple[int, ...]] = []  # by bit: numbers of conditions
        self._number_conditions()

    def ordered(self) -> list[Match]:
        """The rules, the first one first."""
        return list(reversed(self._matches))

    def tops(self, wanted: Callable[[Match], bool]) -> list[int]:
        """For each zone pair, how far up the first rule for which `wanted` holds reaches: rules before it lie above."""
        rules = mask([bit for bit, match in enumerate(self._matches) if wanted(match)])
        return [(pair & rules).bit_length() for pair in self._pairs]

    def candidates(self, query: Query, pair: int) -> int:
        """The mask of the rules for this zone pair (zone_in · columns + zone_out) that the tables leave standing."""
        if not self._pairs[pair]:
            return 0
        old = query.version == 4
        services, ports = self._services, self._ports
        sources = self._sources4 if old else self._sources6
        destinations = self._destinations4 if old else self._destinations6
        kind: i64 = 1 if old else 0
        if not old and len(query.destination) == 4:
            destinations = self._across
            kind = 2
        service = services.find(service_key(query.protocol, query.destination_port))
        port = ports.find(query.source_port)
        source = sources.find(query.source)
        destination = destinations.find(query.destination)
        key = (pair * len(services.masks) + service) * len(ports.masks) + port
        key = (key * len(sources.masks) + source) * len(destinations.masks) + destination
        key = key << 2 | int(kind)
        known = self._combinations.get(key)
        if known is not None:
            return known
        found = self._pairs[pair] & services.masks[service] & ports.masks[port]
        found &= sources.masks[source] & destinations.masks[destination]
        if len(self._combinations) >= self._room:
            self._combinations.clear()
        self._combinations[key] = found
        return found

    def first(self, query: Query, candidates: int, spend: bool) -> Match | None:
        """The first of the candidates whose conditions hold and whose limit has a token.

        spend: take that token; otherwise limits count as fresh.
        """
        self.exhausted = None
        held = 0  # conditions known to hold, a bit each
        while candidates:
            bit = candidates.bit_length() - 1
            failed: i64 = -1
            for number in self._needs[bit]:
                if held >> number & 1:
                    continue
                if not self._conditions[number].holds(query):
                    failed = number
                    break
                held |= 1 << number
            if failed >= 0:
                candidates &= self._without[failed]
                continue
            match = self._matches[bit]
            if not spend or self._takes(match, query):
                return match
            candidates ^= 1 << bit
        return None

    def _takes(self, match: Match, query: Query) -> bool:
        rule = match.rule
        if rule is None or rule.limit is None or rule.limit.take(query.source, query.now):
            return True
        if self.exhausted is None:
            self.exhausted = rule
        return False

    def _number_conditions(self) -> None:
        numbers: dict[tuple[str, int], int] = {}
        needing: list[list[int]] = []
        for bit, match in enumerate(self._matches):
            mine: list[int] = []
            for condition in conditions(match):
                number = numbers.setdefault(condition.identity, len(numbers))
                if number == len(needing):
                    self._conditions.append(condition)
                    needing.append([])
                needing[number].append(bit)
                mine.append(number)
            self._needs.append(tuple(mine))
        everything = (1 << len(self._matches)) - 1
        self._without = [everything ^ mask(bits) for bits in needing]
