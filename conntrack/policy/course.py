"""The course of a would-be connection through a policy, without a packet, a topology or a trace.

Lives here: the phases in the engine's order. May not live here: how they are told (explain.py), who asks.
Where the engine asks the topology for the zone of an address, the `networks:` of the zones answer here.
"""

from __future__ import annotations

from typing import NamedTuple

from conntrack.packet.counterpart import counterpart
from conntrack.policy.policy import Policy
from conntrack.policy.runtime import ACCEPT, NO_ZONE, ONE_TO_ONE, REDIRECT, SELF, NatRule, Query, Rule


class Course(NamedTuple):
    """What a policy makes of a connection."""

    arrived: Query  # as it came
    forward: NatRule | None  # the destination NAT rule
    query: Query  # with its destination translated
    rule: Rule  # what decides
    departure: NatRule | None  # the source NAT rule

    @property
    def crosses(self) -> bool:
        """Whether it is let through the gateway, so that source NAT is asked."""
        return self.rule.action == ACCEPT and SELF not in (self.query.zone_in, self.query.zone_out)

    @property
    def hairpin(self) -> bool:
        """Whether it goes back into the zone that it came from, by an outside address, whose answers must come back."""
        return self.crosses and self.forward is not None and self.query.zone_in == self.query.zone_out


def follow(policy: Policy, query: Query) -> Course:
    """Asks all phases. Counts nothing; limits count as fresh. Of several targets of a forward, the first is taken."""
    forward = policy.destination_nat(query) if query.zone_in != SELF else None
    after = query if forward is None else _translated(policy, query, forward)
    course = Course(query, forward, after, policy.foresee(after, forward), None)
    if course.crosses and not course.hairpin:
        course = course._replace(departure=policy.source_nat(after))
    return course


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
        after.zone_out = policy.zone_of_address(after.destination) if after.destination else NO_ZONE
    after.destination_port = forward.target_port(query.destination_port)
    return after
