"""What happens without a rule: the table that `check` lists and the engine asks by number.

Lives here: the built-in rules and what those of them match that are judged like a rule. May not live here: who
applies the others (engine/). A built-in's number is its place in Policy.rules; there, all built-ins come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from conntrack.packet import reason
from conntrack.packet.header import ICMP, ICMPV6, UDP
from conntrack.policy.match import Match, service_key
from conntrack.policy.runtime import ACCEPT, DROP, SELF, Rule
from conntrack.policy.zones import Zone

ESTABLISHED: Final = 0
RELATED: Final = 1
INVALID: Final = 2
LOOPBACK: Final = 3
NEIGHBOUR: Final = 4
DHCP_CLIENT: Final = 5
ERRORS: Final = 6
NO_ZONE: Final = 7

#: what Rule.pair says of a built-in
PAIR: Final = "built-in"

#: name, action, what a drop is counted as (OK: as what the packet did wrong), meaning; by number
TABLE: Final[tuple[tuple[str, int, int, str], ...]] = (
    ("established", ACCEPT, reason.OK, "packets of a connection that is known, both ways"),
    ("related", ACCEPT, reason.OK, "ICMP errors about a known connection, and connections that a helper expects"),
    ("invalid", DROP, reason.OK, "packets that fit no connection and may not begin one; counted by reason"),
    ("loopback", ACCEPT, reason.OK, "what the gateway sends to itself"),
    (
        "neighbour",
        ACCEPT,
        reason.OK,
        "ICMPv6 130–136, 143, 151–153 on a link: neighbour discovery and group membership",
    ),
    ("dhcp-client", ACCEPT, reason.OK, "DHCP and DHCPv6 between the gateway and the servers of a `dhcp: client` zone"),
    ("errors", ACCEPT, reason.OK, "ICMP errors that the gateway itself sends: packet too big, time exceeded, …"),
    ("no-zone", DROP, reason.NO_ZONE, "what comes from or leaves by an interface that no zone lists"),
)

#: ICMPv6 types between neighbours: MLD 130–132 and 143, discovery 133–136, multicast routers 151–153 (RFC 4890 §4.4.1)
_NEIGHBOUR_TYPES: Final = ((130, 136), (143, 143), (151, 153))
#: error types: ICMP unreachable, time exceeded, parameter problem (RFC 792); ICMPv6 1–4 (RFC 4443)
_ERRORS4: Final = ((3, 3), (11, 12))
_ERRORS6: Final = ((1, 4),)
#: (IP version, client port, server port): RFC 2131 §4.1, RFC 8415 §7.2
_DHCP: Final = ((4, 68, 67), (6, 546, 547))


def rules() -> list[Rule]:
    """Fresh rules with fresh counters, in the order of their numbers."""
    made: list[Rule] = []
    for number, (name, action, why, _) in enumerate(TABLE):
        rule = Rule(number, name, PAIR, action, "", 0)
        rule.reason = why
        made.append(rule)
    return made


def matches(zones: Sequence[Zone], built_in: Sequence[Rule]) -> list[Match]:
    """What stands before the rules of the file; built_in are those of `rules()`."""
    every = [int(zone.number) for zone in zones]
    clients = [int(zone.number) for zone in zones if zone.dhcp_client]
    found = [
        Match([SELF], [SELF], built_in[LOOPBACK]),
        _icmp((every, [SELF]), ICMPV6, _NEIGHBOUR_TYPES, built_in[NEIGHBOUR]),
        _icmp(([SELF], every), ICMPV6, _NEIGHBOUR_TYPES, built_in[NEIGHBOUR]),
        _icmp(([SELF], every), ICMP, _ERRORS4, built_in[ERRORS]),
        _icmp(([SELF], every), ICMPV6, _ERRORS6, built_in[ERRORS]),
    ]
    for version, client, server in _DHCP if clients else ():
        found.append(_dhcp((clients, [SELF]), version, server, client, built_in[DHCP_CLIENT]))
        found.append(_dhcp(([SELF], clients), version, client, server, built_in[DHCP_CLIENT]))
    return found


def _icmp(ends: tuple[list[int], list[int]], protocol: int, types: Sequence[tuple[int, int]], rule: Rule) -> Match:
    match = Match(ends[0], ends[1], rule)
    match.services = tuple(
        (service_key(protocol, first << 8), service_key(protocol, last << 8 | 0xFF)) for first, last in types
    )
    return match


def _dhcp(ends: tuple[list[int], list[int]], version: int, source: int, destination: int, rule: Rule) -> Match:
    match = Match(ends[0], ends[1], rule)
    match.version = version
    match.source_ports = ((source, source),)
    match.services = ((service_key(UDP, destination), service_key(UDP, destination)),)
    return match
