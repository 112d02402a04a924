"""The rules that a connection went past before one decided, and why each did not match.

Lives here: which rules those are. May not live here: what decides (policy.py), the sentence of one demand (why.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from conntrack.policy import builtins, why
from conntrack.policy.course import Course
from conntrack.policy.match import Match
from conntrack.policy.nat_rule import NatRule
from conntrack.policy.policy import Policy, address_column
from conntrack.policy.runtime import SELF, Query, Rule


class Passed(NamedTuple):
    """A rule that stands before the deciding one, and what kept it from matching."""

    rule: Rule | NatRule
    because: list[str]


def rules(policy: Policy, course: Course) -> list[Passed]:
    """The rules of the file for this zone pair before the one that decided; built-in ones are left out."""
    query = course.query
    stop = course.forward.rule if course.forward is not None else None
    found: list[Passed] = []
    for match in policy.considered():
        rule = match.rule
        if rule is None or query.zone_in not in match.zones_in or query.zone_out not in match.zones_out:
            continue
        if rule is course.rule or (course.rule is stop and match.unconditional()):
            break
        if rule.pair != builtins.PAIR:
            found.append(Passed(rule, why.mismatches(match, query)))
    return found


def destination_nat(policy: Policy, course: Course) -> list[Passed]:
    """The rules of destination NAT for this zone that did not match."""
    query = course.arrived
    if query.zone_in == SELF:
        return []
    arrivals, _ = policy.translations()
    return list(_until(course.forward, arrivals, query, int(address_column(query.address_zone))))


def source_nat(policy: Policy, course: Course) -> list[Passed]:
    """The rules of source NAT for this zone pair that did not match; none where none was asked."""
    query = course.query
    if not course.crosses or course.hairpin or (course.forward is not None and course.forward is course.departure):
        return []
    _, departures = policy.translations()
    leaving = (match for match in departures if query.zone_out in match.zones_out)
    return list(_until(course.departure, leaving, query, int(query.zone_out)))


def _until(chosen: NatRule | None, matches: Iterable[Match], query: Query, end: int) -> Iterator[Passed]:
    for match in matches:
        because = why.mismatches(match, query)
        here = end in match.zones_out
        if match.nat is None or query.zone_in not in match.zones_in:
            continue
        if match.nat is chosen or (here and not because):
            return
        yield Passed(match.nat, because if here else ["the destination is not an address of its zone", *because])
