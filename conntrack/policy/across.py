"""Which `nat64:` entry translates a connection from IPv6 to IPv4.

Lives here: what an entry asks of a connection. May not live here: where the IPv4 destination lies: the engine asks the
topology for its zone, and course.py the `networks:` of the zones. Compiled.
"""

from __future__ import annotations

from conntrack.packet.header import ICMPV6, TCP, UDP
from conntrack.packet.prefix64 import WELL_KNOWN, extract, is_global, is_host
from conntrack.policy.match import Match, is_open
from conntrack.policy.runtime import Query

_ECHO_REQUEST = 128


def destination(match: Match, query: Query) -> bytes:
    """The IPv4 address that the query's destination stands for; b"" where the entry is not for this connection."""
    nat = match.nat
    if nat is None or query.version != 6 or len(query.destination) != 16:
        return b""
    address = extract(query.destination, nat.addresses[0], nat.prefix)
    if not address or int(query.zone_in) not in match.zones_in or not _has_counterpart(query):
        return b""
    if not may_stand(nat.addresses[0], address):
        return b""
    if extract(query.source, nat.addresses[0], nat.prefix):  # nobody's address: answers would go round (RFC 6146 §3.5)
        return b""
    if match.source is not None and not match.source.holds(query.source):
        return b""
    if match.schedule is not None and not is_open(match.schedule, query):
        return b""
    return address


def is_within(matches: list[Match], address: bytes) -> bool:
    """Whether an IPv6 address lies within the prefix of any entry."""
    if len(address) != 16:
        return False
    for match in matches:
        nat = match.nat
        if nat is not None and extract(address, nat.addresses[0], nat.prefix):
            return True
    return False


def may_stand(prefix: bytes, address: bytes) -> bool:
    """Whether packets to this IPv4 address may be made of such with this prefix (RFC 6052 §3.1)."""
    return is_host(address) and (prefix != WELL_KNOWN or is_global(address))


def _has_counterpart(query: Query) -> bool:
    """Whether both IP versions have it: TCP, UDP, ping (RFC 6146 §3)."""
    if query.protocol == ICMPV6:
        return query.icmp_type == _ECHO_REQUEST
    return query.protocol == TCP or query.protocol == UDP
