"""From a line of `tests:`, or of `explain`, to the queries that it stands for.

Lives here: filling in what such a line leaves out. May not live here: its grammar (cases.py), the answer (course.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from conntrack.packet.header import ICMP, ICMPV6, TCP, UDP
from conntrack.policy import families, services, wellknown
from conntrack.policy.policy import Policy
from conntrack.policy.problems import Wrong, did_you_mean
from conntrack.policy.runtime import ANY_ADDRESS, NO_ZONE, SELF, Query
from conntrack.policy.values import ANY_PROTOCOL, Case, Traffic

#: the source port where none was named: the first of the dynamic ones (RFC 6335 §6)
SOURCE_PORT: Final = 49152
#: Monday 12:00: when tests take place that name no time
NOON: Final = 12 * 60
_PORTED: Final = frozenset(wellknown.PROTOCOLS[name] for name in wellknown.WITH_PORTS)
_ECHO: Final = {ICMP: 8, ICMPV6: 128}


def queries(policy: Policy, case: Case, wall: float | None) -> list[Query]:
    """One query for each kind of traffic that the line's service stands for in its IP version; at least one.

    wall: Unix time that a line without a time is about; None: Monday 12:00. Of a range of ports, the first and the
    last are asked for. Raises Wrong: a zone or service is not known, or the service does not exist in that IP version.
    """
    version = 6 if len(case.source or case.destination) == 16 else 4
    found: list[Query] = []
    for kind in services.resolve([case.service], policy.services):
        if families.ONLY.get(kind.protocol, version) == version:
            found += [_query(policy, case, version, wall, *end) for end in _ends(kind)]
    if not found:
        raise Wrong(f"{case.service} does not exist in IPv{version}")
    return found


def _query(policy: Policy, case: Case, version: int, wall: float | None, protocol: int, port: int) -> Query:
    query = Query()
    query.zone_in = _zone(policy, case.zone_in)
    if case.zone_out:
        query.zone_out = _zone(policy, case.zone_out)
    else:
        query.zone_out = policy.zone_of_address(case.destination, int(query.zone_in))
    query.address_zone = ANY_ADDRESS if query.zone_out == SELF else NO_ZONE
    query.version = version
    query.protocol = protocol
    query.source, query.destination = case.source, case.destination
    query.destination_port = port
    if protocol in _PORTED:
        query.source_port = case.source_port or SOURCE_PORT
    if protocol in _ECHO:
        query.icmp_type, query.icmp_code = port >> 8, port & 0xFF
    if case.minute is not None or wall is None:
        query.minute = NOON if case.minute is None else case.minute
    query.wall = wall or 0.0
    return query


def _ends(kind: Traffic) -> Iterator[tuple[int, int]]:
    """(protocol, destination port) at both ends of a kind of traffic; for ICMP type·256 + code is the port."""
    if kind.protocol == ANY_PROTOCOL:
        yield TCP, 1
        yield UDP, 1
    elif kind.protocol in _ECHO:
        kind_of_message = kind.icmp_type if kind.icmp_type >= 0 else _ECHO[kind.protocol]
        yield kind.protocol, kind_of_message << 8 | max(kind.icmp_code, 0)
    elif kind.protocol in _PORTED:
        yield kind.protocol, max(kind.low, 1)
        if kind.high > kind.low:
            yield kind.protocol, kind.high
    else:
        yield kind.protocol, 0


def _zone(policy: Policy, name: str) -> int:
    try:
        return policy.zone_number(name)
    except KeyError:
        hint = did_you_mean(name, [zone.name for zone in policy.zones])
        raise Wrong(f'unknown zone "{name}"', hint) from None
