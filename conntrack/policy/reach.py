"""Rules that can never match, because unconditional ones before them decide all that they are for.

Lives here: the walk over the rules, in file order. May not live here: rules with
conditions; what they leave over is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from conntrack.policy import families
from conntrack.policy.decided import Decided
from conntrack.policy.document import Document, PolicyRule
from conntrack.policy.problems import Report
from conntrack.policy.values import Addresses, Pair, Traffic

NONE = Addresses()


def check(document: Document, report: Report) -> None:
    """Warn of every rule that can never match."""
    decided: dict[tuple[str, str, int], Decided] = {}
    for pair, _, rule in document.rules():
        traffic = document.traffic(rule.services)
        found = [_lines(decided, *place, kind) for place in _places(pair, rule) for kind in traffic]
        if found and all(found):
            lines = sorted(set().union(*found))
            before = ("line " if len(lines) == 1 else "lines ") + ", ".join(map(str, lines))
            message = f"this rule can never match: all its traffic is decided before, in {before}"
            report.warn(rule.position, message, "move it up, or delete it")
        if _unconditional(rule):
            _decide(decided, _places(pair, rule), traffic, rule.position.line)


def _places(pair: Pair, rule: PolicyRule) -> Iterator[tuple[str, str, int]]:
    """Every pair of single zones and IP version that a rule stands for."""
    for source in pair.sources:
        for destination in pair.destinations:
            for version in families.of_family(rule.family):
                yield source, destination, version


def _lines(
    decided: dict[tuple[str, str, int], Decided], source: str, destination: str, version: int, kind: Traffic
) -> set[int]:
    """The lines of the rules that decided this traffic of a pair, for itself or for every zone."""
    for place in ((source, destination), ("any", destination), (source, "any"), ("any", "any")):
        found = decided.get((*place, version))
        lines = found.lines(kind) if found is not None else None
        if lines:
            return lines
    return set()


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
