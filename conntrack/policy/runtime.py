"""What a compiled policy is made of while packets run: the query, the rules, the settings.

Lives here: the objects that the engine reads on the path of a new connection, and their counters. May not live here:
what translates (nat_rule.py), YAML, files, how a rule is found among many (match.py).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.policy.limits import Limit

# Rule.action
ACCEPT: Final = 1
DROP: Final = 2
REJECT: Final = 3

# Rule.log
LOG_NONE: Final = 0
LOG_NEW: Final = 1  # the connection's first packet
LOG_ALL: Final = 2  # every packet: never offloaded

#: zone number of the gateway itself
SELF: Final = 0
#: no zone lists the interface
NO_ZONE: Final = -1
#: Query.address_zone: one of the gateway's addresses, whichever (`explain` and `tests:` with a bare `self`)
ANY_ADDRESS: Final = -2


class Query:
    """A would-be connection, as rules see it. Filled again for every new connection; addresses are packed.

    zone_out is the zone that the (translated) destination lies in; address_zone the zone whose interface holds
    the original destination address, NO_ZONE where it is not the gateway's.
    """

    __slots__ = (
        "address_zone",
        "destination",
        "destination_port",
        "icmp_code",
        "icmp_type",
        "minute",
        "now",
        "protocol",
        "source",
        "source_port",
        "version",
        "wall",
        "zone_in",
        "zone_out",
    )

    def __init__(self) -> None:
        self.zone_in: i64 = NO_ZONE
        self.zone_out: i64 = NO_ZONE
        self.address_zone: i64 = NO_ZONE
        self.version: i64 = 4
        self.protocol: i64 = 0
        self.source: bytes = b""
        self.destination: bytes = b""
        self.source_port: i64 = 0
        self.destination_port: i64 = 0
        self.icmp_type: i64 = -1  # -1: not ICMP
        self.icmp_code: i64 = -1
        self.now = 0.0  # monotonic seconds, for limits
        self.wall = 0.0  # Unix time, for schedules
        self.minute: i64 = -1  # of the week, from Monday 00:00: schedules go by it instead of wall; -1: by wall

    def copy(self) -> Query:
        """Another query that says the same."""
        other = Query()
        other.zone_in, other.zone_out, other.address_zone = self.zone_in, self.zone_out, self.address_zone
        other.version, other.protocol = self.version, self.protocol
        other.source, other.destination = self.source, self.destination
        other.source_port, other.destination_port = self.source_port, self.destination_port
        other.icmp_type, other.icmp_code = self.icmp_type, self.icmp_code
        other.now, other.wall, other.minute = self.now, self.wall, self.minute
        return other


class HelperPorts:
    """Of a rule's connections, those that a helper reads: of a protocol, to ports low–high."""

    def __init__(self, helper: str, protocol: int, low: int, high: int) -> None:
        self.helper = helper
        self.protocol: i64 = protocol
        self.low: i64 = low
        self.high: i64 = high

    def reads(self, protocol: i64, port: i64) -> bool:
        """Whether it reads a connection to this port."""
        return protocol == self.protocol and self.low <= port <= self.high


class Rule:
    """One rule as the administrator wrote it, with where it stands and how often it decided."""

    def __init__(self, number: int, name: str, pair: str, action: int, file: str, line: int) -> None:
        self.number: i64 = number  # place in Policy.rules
        self.name = name  # the rule's own name, else "PAIR #N"
        self.pair = pair  # "lan -> wan", "nat", "built-in"
        self.action: i64 = action
        self.file = file
        self.line = line
        self.reason: i64 = reason.POLICY_DROP  # what a drop is counted as
        self.mark: i64 = 0
        self.dscp: i64 = -1
        self.log: i64 = LOG_NONE
        self.log_limit: Limit | None = None  # bounds the lines written; see may_log
        self.limit: Limit | None = None  # how often the rule may match
        self.over: Rule | None = None  # stands in for the default where only the limit kept this rule from matching
        self.helpers: tuple[str, ...] = ()  # all that it names or its services need, each once
        self.helped: tuple[HelperPorts, ...] = ()  # which of its connections they read
        self.hits: i64 = 0  # new connections that this rule decided
        self.packets: i64 = 0  # of connections it admitted, added when they end or are read
        self.octets: i64 = 0

    def may_log(self, source: bytes, now: float) -> bool:
        """Whether a line about a packet from `source` may be written now; counts against the rule's log rate if so."""
        return self.log != LOG_NONE and (self.log_limit is None or self.log_limit.take(source, now))

    def why(self) -> str:
        """The one sentence that logs, metrics, `flows` and `explain` all print."""
        where = f" ({self.file}:{self.line})" if self.line else ""
        return f"{self.name}{where}"


class Settings:
    """What the engine needs of `settings:`, as plain numbers. Limits of 0 mean no limit; times are seconds."""

    def __init__(self) -> None:
        self.connections = 262144
        self.per_source = 0
        self.hold_down = 0.0  # how long a released outside port rests
        self.hold_syn = False  # unsolicited SYNs from outside are answered late instead of not at all
        self.per_zone: list[int] = []  # by zone number; may be shorter than there are zones
        self.loose = True
        self.liberal = False
        self.timeouts: dict[str, dict[str, float]] = {}  # tracker name → timeout name → seconds
