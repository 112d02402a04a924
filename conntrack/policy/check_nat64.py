"""Whether a `nat64:` prefix is one, and nobody else's addresses lie in it.

Lives here: the prefix. May not live here: what nat64 shares with the other kinds (check_nat.py).
"""

from __future__ import annotations

from conntrack.packet.prefix64 import LENGTHS
from conntrack.policy.addresses import show_span
from conntrack.policy.document_nat import Nat64
from conntrack.policy.references import References
from conntrack.policy.values import Span


def check(references: References, entry: Nat64) -> None:
    """Report what is wrong with an entry's prefix and zone."""
    references.zone(entry.at, entry.place("at"))
    if entry.broken:
        return
    place = entry.place("nat64")
    fault = _fault(entry.nat64)
    if fault is not None:
        references.report.error(place, *fault)
        return
    for name, zone in references.document.zones.items():
        for network in zone.networks:
            if overlaps(network, entry.nat64):
                found = f"{show_span(entry.nat64)} overlaps {show_span(network)} of zone {name}"
                references.report.error(place, found, "name a prefix that no host has an address in")
    for other in references.document.nat:
        if other is entry:
            break
        if isinstance(other, Nat64) and other.nat64 != entry.nat64 and overlaps(other.nat64, entry.nat64):
            found = f"{show_span(entry.nat64)} overlaps {show_span(other.nat64)}"
            references.report.error(place, found, "give each its own, or both the same")


def overlaps(one: Span, other: Span) -> bool:
    """Whether two spans have an address in common."""
    return one.version == other.version and one.low <= other.high and other.low <= one.high


def _fault(prefix: Span) -> tuple[str, str] | None:
    """What is wrong with a prefix alone, and what to do."""
    if prefix.version == 4:
        return f"{show_span(prefix)} is not an IPv6 prefix", "name the prefix to embed IPv4 addresses in: 64:ff9b::/96"
    if prefix.length not in LENGTHS:
        lengths = ", ".join(f"/{length}" for length in LENGTHS)
        return f"an IPv4 address has no place behind {show_span(prefix)}", f"the lengths are {lengths} (RFC 6052)"
    if prefix.low[8]:
        return f"{show_span(prefix)} uses bits 64 to 71", "leave them zero (RFC 6052)"
    return None
