"""Whether a rule is left with an IP version: its addresses, its services and `family:` must have one in common.

Lives here: the versions that each part of a rule admits. May not live here: anything else about rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conntrack.policy.document import Document
from conntrack.policy.node import Node
from conntrack.policy.references import References
from conntrack.policy.values import Addresses, Span, Traffic

BOTH = frozenset({4, 6})
#: protocols that exist in one IP version only: ICMP, IGMP; ICMPv6
ONLY = {1: 4, 2: 4, 58: 6}


def of_family(family: str) -> frozenset[int]:
    """The versions of a `family:`."""
    return {"ipv4": frozenset({4}), "ipv6": frozenset({6})}.get(family, BOTH)


def of_spans(spans: Iterable[Span]) -> frozenset[int]:
    """The versions that occur among spans."""
    return frozenset(4 if len(span.low) == 4 else 6 for span in spans)


def of_selection(document: Document, chosen: Addresses) -> frozenset[int]:
    """The versions that a selection can match; both where it names an unknown or an empty set."""
    if not chosen.spans and not chosen.sets:
        return BOTH
    found = of_spans(chosen.spans)
    for name in chosen.sets:
        found |= document.versions(name) or BOTH
    return found


def of_traffic(traffic: Iterable[Traffic]) -> frozenset[int]:
    """The versions that kinds of traffic occur in."""
    found: frozenset[int] = frozenset()
    for kind in traffic:
        found |= frozenset({ONLY[kind.protocol]}) if kind.protocol in ONLY else BOTH
    return found or BOTH


def check(
    references: References, rule: Node, chosen: Sequence[Addresses], family: str, traffic: Iterable[Traffic]
) -> frozenset[int]:
    """The versions left; where there is none, that is reported."""
    left = of_family(family) & of_traffic(traffic)
    for selection in chosen:
        left &= of_selection(references.document, selection)
    if not left:
        hint = "its addresses, services and family are of different IP versions"
        references.report.error(rule.position, f"{rule.called} that mixes IPv4 and IPv6 can never match", hint)
    return left
