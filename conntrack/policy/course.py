"""The course of a would-be connection through a policy, without a packet, a topology or a trace.

Lives here: the phases in the engine's order. May not live here: how they are told (explain.py), who asks.
Where the engine asks the topology for the zone of an address, the `networks:` of the zones answer here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from conntrack.packet import reason
from conntrack.packet.counterpart import counterpart
from conntrack.policy.across import destination, is_within
from conntrack.policy.nat_rule import NAT64, ONE_TO_ONE, REDIRECT, NatRule
from conntrack.policy.policy import Policy
from conntrack.policy.runtime import ACCEPT, DROP, NO_ZONE, SELF, Query, Rule

#: what the engine refuses although a rule accepts it: without translation nobody could answer
STRANDED: Final = Rule(-1, "nat-required", "built-in", DROP, "", 0)
STRANDED.reason = reason.NAT_REQUIRED


class Course(NamedTuple):
    """What a policy makes of a connection."""

    arrived: Query  # as it came
    forward: NatRule | None  # the destination NAT rule
    query: Query  # with its destination translated
    rule: Rule  # the rule of `policy:`, or the built-in one, that decides
    departure: NatRule | None  # the source NAT rule
    stranded: bool = False  # it would leave its address space untranslated

    @property
    def decision(self) -> Rule:
        """What becomes of it in the end."""
        return STRANDED if self.stranded else self.rule

    @property
    def crosses(self) -> bool:
        """Whether it is let through the gateway, so that source NAT is asked."""
        return self.rule.action == ACCEPT and SELF not in (self.query.zone_in, self.query.zone_out)

    @property
    def hairpin(self) -> bool:
        """Whether it goes back into the zone that it came from, by an outside address, whose answers must come back."""
        forward = self.forward
        back = self.query.zone_in == self.query.zone_out
        return self.crosses and back and forward is not None and forward.kind != NAT64


def follow(policy: Policy, query: Query) -> Course:
    """Asks all phases. Counts nothing; limits count as fresh. Of several targets of a forward, the first is taken."""
    forward = policy.destination_nat(query) if query.zone_in != SELF else None
    across = None if forward is not None else _across(policy, query)
    if across is not None:
        return across
    after = query if forward is None else _translated(policy, query, forward)
    course = Course(query, forward, after, policy.foresee(after, forward), None)
    if course.crosses and not course.hairpin:
        departure = policy.source_nat(after)
        stranded = departure is None and _leaves_its_space(policy, after)
        course = course._replace(departure=departure, stranded=stranded)
    return course


def _across(policy: Policy, query: Query) -> Course | None:
    """The course of a connection to a NAT64 prefix; the entry that it takes translates its source as well."""
    if query.version != 6 or not is_within(policy.crossings, query.destination):
        return None
    after = query.copy()
    for match in policy.crossings:
        address, nat = destination(match, query), match.nat
        if address and nat is not None and policy.zone_of_address(address) == nat.zone:
            after.destination, after.zone_out = address, nat.zone
            course = Course(query, nat, after, policy.foresee(after, nat), None)
            return course._replace(departure=nat if course.crosses else None)
    after.zone_out = NO_ZONE
    return Course(query, None, after, policy.foresee(after, None), None)


def _leaves_its_space(policy: Policy, query: Query) -> bool:
    """Whether its source means nothing, or another host, where it goes."""
    if query.zone_in < 0 or query.zone_out < 0:
        return False
    space = policy.zones[query.zone_in].space
    return space != "" and space != policy.zones[query.zone_out].space


def _translated(policy: Policy, query: Query, forward: NatRule) -> Query:
    after = query.copy()
    if forward.kind == REDIRECT:
        after.zone_out = SELF
    else:
        size = 4 if query.version == 4 else 16
        if forward.kind == ONE_TO_ONE:
            outside, inside = forward.addresses
            fits = len(inside) == size
            after.destination = counterpart(query.destination, outside, inside, forward.neutral) if fits else b""
        else:
            after.destination = next((one for one in forward.addresses if len(one) == size), b"")
        after.zone_out = NO_ZONE
        if after.destination:
            after.zone_out = policy.zone_of_address(after.destination, int(query.zone_in))
        if forward.inside != NO_ZONE:
            after.zone_out = forward.inside
    after.destination_port = forward.target_port(query.destination_port)
    return after
