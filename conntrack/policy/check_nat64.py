"""Whether a `nat64:` prefix is one, and nobody else's addresses lie in it.

Lives here: the prefix. May not live here: what nat64 shares with the other kinds (check_nat.py).
"""

from __future__ import annotations

from collections.abc import Iterator

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
    _spaces(references, entry)
    place = entry.place("nat64")
    fault = _fault(entry.nat64)
    if fault is not None:
        references.report.error(place, *fault)
        return
    for name, zone in references.document.zones.items():
        for network in zone.networks:
            if not zone.space and overlaps(network, entry.nat64):
                found = f"{show_span(entry.nat64)} overlaps {show_span(network)} of zone {name}"
                references.report.error(place, found, "name a prefix that no host has an address in")
    for prefix in _before(references, entry):
        if prefix != entry.nat64 and overlaps(prefix, entry.nat64):
            found = f"{show_span(entry.nat64)} overlaps {show_span(prefix)}"
            references.report.error(place, found, "give each its own, or both the same")
            break


def _before(references: References, entry: Nat64) -> Iterator[Span]:
    """The sound prefixes of the entries before this one."""
    for other in references.document.nat:
        if other is entry:
            return
        if isinstance(other, Nat64) and not other.broken and _fault(other.nat64) is None:
            yield other.nat64


def _spaces(references: References, entry: Nat64) -> None:
    zones = references.document.zones
    for name in (*entry.from_, entry.at):
        if name in zones and zones[name].space:
            found = f"zone {name} has an address space of its own, which nat64 does not reach"
            references.report.error(entry.position, found, "name zones without `space:`")


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
