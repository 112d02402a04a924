"""Why a rule does not match: sentences for `explain` and failed tests.

Lives here: each demand of a rule told apart, and things of a query as text. May not live here: deciding.
"""

from __future__ import annotations

from typing import Final

from conntrack.packet.header import ICMP, ICMPV6
from conntrack.policy import wellknown
from conntrack.policy.addresses import show
from conntrack.policy.cases import VERDICTS
from conntrack.policy.match import Match, is_open, service_key
from conntrack.policy.runtime import SELF, Query, Rule
from conntrack.policy.selection import Selection

_PROTOCOLS: Final = {number: name for name, number in wellknown.PROTOCOLS.items()}


def mismatches(match: Match, query: Query) -> list[str]:
    """What of a rule a connection does not meet, its zones and its limit left aside; [] if it meets all."""
    found: list[str] = []
    if match.version not in (0, query.version):
        found.append(f"it is for IPv{match.version} only")
    if match.services and not _within(match.services, int(service_key(query.protocol, query.destination_port))):
        wanted = f" of {', '.join(match.words)}" if match.words else ""
        found.append(f"{service(query)} is none{wanted}" if wanted else f"it is not for {service(query)}")
    if match.source_ports and not _within(match.source_ports, int(query.source_port)):
        found.append(f"it is not for source port {query.source_port}")
    found += _selection("source", match.source, query.source)
    found += _selection("destination", match.destination, query.destination)
    if match.schedule is not None and not is_open(match.schedule, query):
        found.append(f"schedule {match.schedule.name} is closed then")
    return found


def verdict(rule: Rule) -> str:
    """accept, drop or reject."""
    return VERDICTS[int(rule.action) - 1]


def service(query: Query) -> str:
    """What a connection asks for: "tcp/443", "icmp/8", "proto/50"."""
    name = _PROTOCOLS.get(int(query.protocol))
    if name is None:
        return f"proto/{query.protocol}"
    if query.protocol in (ICMP, ICMPV6):
        code = f"/{query.icmp_code}" if query.icmp_code else ""
        return f"{name}/{query.icmp_type}{code}"
    return f"{name}/{query.destination_port}" if name in wellknown.WITH_PORTS else name


def address(packed: bytes, zone: int) -> str:
    """An address, or what stands for one that was not named."""
    if packed:
        return show(packed)
    return "any address of the gateway" if zone == SELF else "any address"


def _within(ranges: tuple[tuple[int, int], ...], number: int) -> bool:
    return any(low <= number <= high for low, high in ranges)


def _selection(side: str, selection: Selection | None, packed: bytes) -> list[str]:
    if selection is None or selection.holds(packed):
        return []
    who = f"{side} {show(packed)}" if packed else f"an unnamed {side}"
    return [
        f"{who} is excepted by {selection.text}"
        if selection.text.startswith("!")
        else f"{who} is not in {selection.text}"
    ]
