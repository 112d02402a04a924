"""What a rule demands of a connection: one conjunction, in numbers.

Lives here: the demands of one rule. May not live here: how a rule is found among many (classifier.py), how a
mismatch is told (why.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from mypy_extensions import i64

from conntrack.policy.nat_rule import NatRule
from conntrack.policy.runtime import Query, Rule
from conntrack.policy.schedules import Schedule
from conntrack.policy.selection import Selection


class Match:
    """One rule's demands; what is empty, None or 0 demands nothing. Rules that share a demand share its object.

    zones_in and zones_out are zone numbers; for destination NAT, zones_out are those whose address was asked for.
    rule is what a policy match leads to, nat what a NAT match does.
    """

    def __init__(
        self, zones_in: Sequence[int], zones_out: Sequence[int], rule: Rule | None = None, nat: NatRule | None = None
    ) -> None:
        self.zones_in = tuple(zones_in)
        self.zones_out = tuple(zones_out)
        self.rule = rule
        self.nat = nat
        self.version: i64 = 0  # 4 or 6
        self.services: tuple[tuple[int, int], ...] = ()  # ranges of service_key, both ends included
        self.words: tuple[str, ...] = ()  # the services as the rules file names them
        self.source_ports: tuple[tuple[int, int], ...] = ()
        self.source: Selection | None = None
        self.destination: Selection | None = None
        self.schedule: Schedule | None = None

    def unconditional(self) -> bool:
        """Whether it takes everything of its zones."""
        return (
            not (self.services or self.version or self.source_ports)
            and self.source is None
            and self.destination is None
            and self.schedule is None
            and (self.rule is None or self.rule.limit is None)
        )

    def joins(self, one: int, other: int) -> bool:
        """Whether it speaks of connections between two zones, whichever begins."""
        return (one in self.zones_in and other in self.zones_out) or (other in self.zones_in and one in self.zones_out)


def service_key(protocol: i64, port: i64) -> i64:
    """Protocol and destination port (for ICMP type·256 + code, else 0) as one number that orders them."""
    return protocol << 16 | port


def is_open(schedule: Schedule, query: Query) -> bool:
    """Whether a schedule is open at the query's minute of the week, if it names one, else at its time."""
    return schedule.open_at(query.minute) if query.minute >= 0 else schedule.active(query.wall)
