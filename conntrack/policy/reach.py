"""Rules that can never match, because unconditional ones before them decide all that they are for.

Lives here: what has been decided so far, for each pair of zones and IP version. May not live here: rules with
conditions; what they leave over is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from conntrack.policy import families
from conntrack.policy.document import Document, PolicyRule
from conntrack.policy.problems import Report
from conntrack.policy.values import ANY_PROTOCOL, Addresses, Pair, Traffic

NONE = Addresses()


class Decided:
    """The traffic that is decided, with the line of the rule that did it (0: not decided)."""

    def __init__(self) -> None:
        self._all = 0
        self._exactly: dict[Traffic, int] = {}
        self._ranges: dict[int, list[tuple[Traffic, int]]] = {}

    def add(self, kind: Traffic, line: int) -> None:
        """From this rule on, this traffic is decided."""
        if kind.protocol == ANY_PROTOCOL:
            self._all = self._all or line
        self._exactly.setdefault(kind, line)
        if kind.low != kind.high or kind.icmp_code < 0:
            self._ranges.setdefault(kind.protocol, []).append((kind, line))

    def line(self, kind: Traffic) -> int:
        """The line of the rule that decided this traffic."""
        found = self._all or self._exactly.get(kind, 0)
        ranges = self._ranges.get(kind.protocol, ())
        return found or next((line for wide, line in ranges if _holds(wide, kind)), 0)


def _holds(wide: Traffic, kind: Traffic) -> bool:
    """Whether all traffic of a kind is of another kind as well."""
    same_type = wide.icmp_type in (-1, kind.icmp_type) and wide.icmp_code in (-1, kind.icmp_code)
    return same_type and wide.low <= kind.low and kind.high <= wide.high


def check(document: Document, report: Report) -> None:
    """Warn of every rule that can never match."""
    decided: dict[tuple[str, str, int], Decided] = {}
    for pair, _, rule in document.rules():
        traffic = [kind._replace(helper="") for kind in document.traffic(rule.services)]
        lines = {_line(decided, *place, kind) for place in _places(pair, rule) for kind in traffic}
        if lines and 0 not in lines:
            before = ", ".join(str(line) for line in sorted(lines))
            message = f"this rule can never match: all its traffic is decided before, in line {before}"
            report.warn(rule.position, message, "move it up, or delete it")
        if _unconditional(rule):
            _decide(decided, _places(pair, rule), traffic, rule.position.line)


def _places(pair: Pair, rule: PolicyRule) -> Iterator[tuple[str, str, int]]:
    """Every pair of single zones and IP version that a rule stands for."""
    for source in pair.sources:
        for destination in pair.destinations:
            for version in families.of_family(rule.family):
                yield source, destination, version


def _line(
    decided: dict[tuple[str, str, int], Decided], source: str, destination: str, version: int, kind: Traffic
) -> int:
    """The line of the rule that decided this traffic of a pair, for itself or for every zone."""
    for place in ((source, destination), ("any", destination), (source, "any"), ("any", "any")):
        found = decided.get((*place, version))
        line = found.line(kind) if found is not None else 0
        if line:
            return line
    return 0


def _unconditional(rule: PolicyRule) -> bool:
    return rule.source == NONE and rule.destination == NONE and rule.limit is None and not rule.when


def _decide(
    decided: dict[tuple[str, str, int], Decided],
    places: Iterable[tuple[str, str, int]],
    traffic: Iterable[Traffic],
    line: int,
) -> None:
    for place in places:
        for kind in traffic:
            decided.setdefault(place, Decided()).add(kind, line)
