"""Whether address spaces can be told apart, entered and left.

Lives here: the checks of `space:`, a zone's `mark:` and `inside:`. May not live here: networks that overlap within a
space (check_zones.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from conntrack.policy.document import Document, PolicyRule, Zone
from conntrack.policy.document_nat import Forward, Masquerade, NatEntry, OneToOne, SourceNat
from conntrack.policy.references import References
from conntrack.policy.values import Span

#: most named spaces (engine/spaces.py)
MOST = 127


def check(references: References) -> None:
    """Report what is wrong, and warn of what will not work."""
    document, report = references.document, references.report
    spaces = dict.fromkeys(zone.space for zone in document.zones.values() if zone.space)
    if len(spaces) > MOST:
        report.error(document.place("zones"), f"more than {MOST} address spaces", "run another gateway for the rest")
    for entry in document.nat:
        if isinstance(entry, Forward | OneToOne):
            _inside(references, entry)
        elif isinstance(entry, SourceNat) and entry.port_blocks and entry.port_blocks.allocation == "deterministic":
            _computed(references, entry)
    for name, zone in document.zones.items():
        if zone.says("mark") and not zone.space:
            hint = "add space: too, or mark connections in the rules that accept them"
            report.error(zone.key_place("mark"), f'the zone "{name}" has a mark, but no address space', hint)
    _marks(references)
    if spaces and not report.errors():
        _departures(references)


def _inside(references: References, entry: Forward | OneToOne) -> None:
    """A target that several spaces have, or one that is not the usual one, must be named with its zone."""
    document = references.document
    if entry.inside:
        references.zone(entry.inside, entry.place("inside"))
        return
    targets = [target.span for target in entry.to] if isinstance(entry, Forward) else [entry.to]
    for span in targets:
        holders = [name for name, zone in document.zones.items() if _holds(zone, span)]
        if any(document.zones[name].space for name in holders):
            hint = f"add inside: {holders[0]}" if len(holders) == 1 else f"add inside: one of {', '.join(holders)}"
            where = " and ".join(f'"{name}"' for name in holders)
            references.report.error(entry.place("to"), f"this address lies in the address space of {where}", hint)
            return


def _computed(references: References, entry: SourceNat) -> None:
    """Ports that follow from the address alone would be the same for all who have it."""
    document = references.document
    zones = [document.zones[name] for name in entry.from_ or document.zones if name in document.zones]
    spaces = {zone.space for zone in zones for span in entry.source.spans if _holds(zone, span)}
    if len(spaces) > 1:
        hint = "write an entry for each zone in `from:`, with other outside addresses or ports"
        place = entry.place("port-blocks", "allocation")
        references.report.error(place, "hosts of several address spaces would have the same ports", hint)


def _holds(zone: Zone, span: Span) -> bool:
    return any(len(one.low) == len(span.low) and one.low <= span.low <= one.high for one in zone.networks)


def _marks(references: References) -> None:
    """Of zones with the same addresses, all but one need a mark: nothing else tells the kernel which one is meant."""
    seen: list[tuple[str, Zone]] = []
    for name, zone in references.document.zones.items():
        for other, earlier in seen:
            if zone.space != earlier.space and zone.mark == earlier.mark and _overlap(zone, earlier):
                message = f'packets into "{name}" and "{other}" cannot be told apart when they are routed'
                hint = "give each zone a mark:, and a table of its own by ip rule"
                place = zone.key_place("mark") if zone.mark else zone.position
                references.report.warn(place, message, hint)
                break
        seen.append((name, zone))


def _overlap(zone: Zone, other: Zone) -> bool:
    return any(
        len(one.low) == len(two.low) and one.low <= two.high and two.low <= one.high
        for one in zone.networks
        for two in other.networks
    )


def _departures(references: References) -> None:
    """Warn of pairs that accept what nothing translates, although it leaves its address space."""
    document = references.document
    for pair, _, rule in document.rules():
        if not rule.accept:
            continue
        for source in _named(document, pair.sources):
            for target in pair.destinations:
                if _leaves(document, source, target) and not _translated(document.nat, source, target):
                    _warn(references, rule, source, target)


def _named(document: Document, names: Iterable[str]) -> list[str]:
    return [name for one in names for name in (document.zones if one == "any" else (one,))]


def _leaves(document: Document, source: str, target: str) -> bool:
    if source not in document.zones or target not in document.zones:
        return False
    space = document.zones[source].space
    return space != "" and space != document.zones[target].space


def _translated(entries: Iterable[NatEntry], source: str, target: str) -> bool:
    """Whether an entry may translate what goes from one zone to the other, under whatever conditions."""
    for entry in entries:
        if isinstance(entry, Masquerade | SourceNat):
            at = entry.masquerade if isinstance(entry, Masquerade) else entry.at
            if at == target and (not entry.from_ or source in entry.from_):
                return True
        elif isinstance(entry, OneToOne) and entry.at == target and entry.inside in ("", source):
            return True
    return False


def _warn(references: References, rule: PolicyRule, source: str, target: str) -> None:
    message = f'nothing translates what leaves "{source}" for "{target}", so it is dropped (nat-required)'
    hint = f"add to nat: - {{masquerade: {target}, from: {source}}}"
    references.report.warn(rule.position, message, hint)
