"""Whether zones can be told apart: by their interfaces, and by their networks.

Lives here: the checks of `zones:`. May not live here: which rules name a zone.
"""

from __future__ import annotations

from conntrack.policy.addresses import show_span
from conntrack.policy.document import Document
from conntrack.policy.problems import Report
from conntrack.policy.values import Span


def check(document: Document, report: Report) -> None:
    """Report zones without interfaces, interfaces in two zones, networks that overlap."""
    if not document.zones and "zones" not in document.broken:
        report.error(document.place("zones"), "there are no zones", "add for each network: lan: {interfaces: [eth1]}")
    _interfaces(document, report)
    _networks(document, report)
    _fastpath(document, report)


def _fastpath(document: Document, report: Report) -> None:
    """XDP is a part of the fast path."""
    for name, zone in document.zones.items():
        if zone.fastpath and document.settings.fastpath == "off":
            message = f'"{name}" asks for XDP, but there is no fast path'
            report.warn(zone.place("fastpath"), message, "add to settings: fastpath: auto")


def _interfaces(document: Document, report: Report) -> None:
    owner: dict[str, str] = {}
    for name, zone in document.zones.items():
        if not zone.interfaces and not zone.broken:
            report.error(zone.position, f'the zone "{name}" has no interfaces', "add interfaces: [eth1]")
        for index, interface in enumerate(zone.interfaces):
            position = zone.place("interfaces", index)
            if interface == "lo":
                hint = "what the gateway sends to itself is never judged"
                report.error(position, "the loopback interface cannot belong to a zone", hint)
            elif interface in owner:
                other = (
                    "twice in this zone" if owner[interface] == name else f'in the zone "{owner[interface]}" already'
                )
                hint = "an interface belongs to one zone"
                report.error(position, f'the interface "{interface}" stands {other}', hint)
            owner.setdefault(interface, name)


def _networks(document: Document, report: Report) -> None:
    """In each address space by itself."""
    for space in {zone.space: None for zone in document.zones.values()}:
        _within_space(document, report, space)


def _within_space(document: Document, report: Report, space: str) -> None:
    """Overlaps: the same network in two zones is a mistake, one inside another only looks like it."""
    spans: list[tuple[Span, str, int]] = [
        (span, name, index)
        for name, zone in document.zones.items()
        if zone.space == space
        for index, span in enumerate(zone.networks)
    ]
    spans.sort(key=lambda entry: (len(entry[0].low), entry[0].low, [-octet for octet in entry[0].high]))
    covering: list[tuple[Span, str]] = []
    for span, name, index in spans:
        while covering and not _meets(covering[-1][0], span):
            covering.pop()
        other = next((entry for entry in reversed(covering) if entry[1] != name), None)
        if other is not None:
            _tell(document, report, (span, name, index), other)
        covering.append((span, name))


def _meets(span: Span, later: Span) -> bool:
    return len(span.low) == len(later.low) and later.low <= span.high


def _tell(document: Document, report: Report, entry: tuple[Span, str, int], other: tuple[Span, str]) -> None:
    span, name, index = entry
    position = document.zones[name].place("networks", index)
    if span == other[0]:
        message = f'the network {show_span(span)} stands in the zones "{other[1]}" and "{name}"'
        hint = "a network lies behind one zone; if they are two networks, give the zones a space: each"
        report.error(position, message, hint)
    else:
        message = f'{show_span(span)} of "{name}" lies in {show_span(other[0])} of "{other[1]}"'
        report.warn(position, message, "the smaller network counts; write both without overlap if that is not meant")
