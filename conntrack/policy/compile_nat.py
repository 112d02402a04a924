"""From the entries of `nat:` to NAT rules and what they match.

Lives here: one function a kind. May not live here: ports and addresses chosen for a connection (nat/).
"""

from __future__ import annotations

from collections.abc import Iterable

from conntrack.policy.compile_blocks import plan_of
from conntrack.policy.document_nat import (
    DestinationSide,
    Exempt,
    Forward,
    Masquerade,
    Nat64,
    NatCommon,
    OneToOne,
    Redirect,
    SourceNat,
    SourceSide,
)
from conntrack.policy.families import of_family, of_spans
from conntrack.policy.lowering import ANYWHERE, Lowering, equip, version
from conntrack.policy.match import Match
from conntrack.policy.nat_rule import (
    CONTIGUITY,
    EXCLUSIVE,
    EXEMPT,
    FORWARD,
    MASQUERADE,
    NAT64,
    ONE_TO_ONE,
    PARITY,
    REDIRECT,
    SOURCE_NAT,
    NatRule,
)
from conntrack.policy.policy import Parts, address_column, address_columns
from conntrack.policy.runtime import ACCEPT, ANY_ADDRESS, NO_ZONE, Rule
from conntrack.policy.values import Span

#: Rule.pair of the implicit accept
PAIR = "nat"
#: `preserve:` → NatRule.manner
MANNERS = {
    "nothing": EXCLUSIVE,
    "parity": EXCLUSIVE | PARITY,
    "contiguity": EXCLUSIVE | PARITY | CONTIGUITY,
}


def translate(lowering: Lowering, parts: Parts) -> None:
    """Fills the parts of a policy that translate."""
    for number, entry in enumerate(lowering.document.nat):
        nat = NatRule(number, "", 0, entry.position.file, entry.position.line)
        parts.nat_rules.append(nat)
        if isinstance(entry, Masquerade):
            parts.departures.append(_masquerade(lowering, entry, nat))
        elif isinstance(entry, SourceNat):
            parts.departures.append(_source_nat(lowering, entry, nat))
        elif isinstance(entry, Exempt):
            parts.departures.append(_exempt(lowering, entry, nat))
        elif isinstance(entry, Nat64):
            parts.crossings.append(_nat64(lowering, entry, nat))
        elif isinstance(entry, Forward):
            parts.arrivals.append(_forward(lowering, entry, nat))
        elif isinstance(entry, Redirect):
            parts.arrivals.append(_redirect(lowering, entry, nat))
        else:
            parts.arrivals.append(_arriving(lowering, entry, nat))
            parts.departures.append(_departing(lowering, entry, nat))


def _masquerade(lowering: Lowering, entry: Masquerade, nat: NatRule) -> Match:
    _name(nat, entry, MASQUERADE, "masquerade")
    nat.zone = lowering.zone(entry.masquerade)
    return _departure(lowering, entry, nat, version(entry.family))


def _source_nat(lowering: Lowering, entry: SourceNat, nat: NatRule) -> Match:
    _name(nat, entry, SOURCE_NAT, "source-nat")
    nat.zone = lowering.zone(entry.at)
    nat.set_pool(_each(entry.source_nat))
    return _departure(lowering, entry, nat, _version(entry, entry.source_nat))


def _departure(lowering: Lowering, entry: SourceSide, nat: NatRule, only: int) -> Match:
    if entry.ports is not None:
        nat.port_low, nat.port_high = entry.ports
    nat.blocks = plan_of(entry, nat.name)
    nat.endpoint_independent = entry.mapping is not None
    nat.manner = MANNERS[entry.preserve] if entry.mapping else 0
    nat.inbound_refresh = entry.inbound_refresh
    if entry.filtering is not None:
        nat.rule = Rule(0, nat.name, PAIR, ACCEPT, nat.file, int(nat.line))
    match = Match(_from(lowering, entry), [int(nat.zone)], nat=nat)
    match.version = only
    match.source = lowering.selection(entry.source)
    match.destination = lowering.selection(entry.destination)
    match.schedule = lowering.schedule(entry.when)
    return match


def _exempt(lowering: Lowering, entry: Exempt, nat: NatRule) -> Match:
    _name(nat, entry, EXEMPT, "exempt")
    match = Match(_from(lowering, entry), lowering.every(), nat=nat)
    match.version = version(entry.family)
    match.source = lowering.selection(entry.source)
    match.destination = lowering.selection(entry.exempt)
    match.schedule = lowering.schedule(entry.when)
    return match


def _nat64(lowering: Lowering, entry: Nat64, nat: NatRule) -> Match:
    _name(nat, entry, NAT64, "nat64")
    nat.zone = lowering.zone(entry.at)
    nat.addresses = [entry.nat64.low]
    nat.prefix = entry.nat64.length
    nat.endpoint_independent = True
    if entry.ports is not None:
        nat.port_low, nat.port_high = entry.ports
    zones = lowering.document.zones
    origin = [number for number, name in enumerate(zones, 1) if not zones[name].space]
    match = Match([number for number in _from(lowering, entry) if number in origin], [int(nat.zone)], nat=nat)
    match.version = 6
    match.source = lowering.selection(entry.source)
    match.schedule = lowering.schedule(entry.when)
    return match


def _forward(lowering: Lowering, entry: Forward, nat: NatRule) -> Match:
    _name(nat, entry, FORWARD, "forward")
    spans = [target.span for target in entry.to]
    nat.zone = lowering.zone(entry.at)
    nat.addresses = _each(spans)
    nat.inside = lowering.zone(entry.inside) if entry.inside else NO_ZONE
    _ports(lowering, nat, entry.forward, entry.to[0].port)
    match = _arrival(lowering, entry, nat, _from_outside(lowering, entry), entry.forward)
    if entry.destination == ANYWHERE:
        match.zones_out = (int(address_column(nat.zone)), int(address_column(ANY_ADDRESS)))
    match.version = _version(entry, spans)
    return match


def _redirect(lowering: Lowering, entry: Redirect, nat: NatRule) -> Match:
    _name(nat, entry, REDIRECT, "redirect")
    _ports(lowering, nat, entry.redirect, entry.to)
    match = _arrival(lowering, entry, nat, _from(lowering, entry), entry.redirect)
    match.version = version(entry.family)
    return match


def _arriving(lowering: Lowering, entry: OneToOne, nat: NatRule) -> Match:
    """What comes to the outside address. A `destination:` without that address leaves nothing (its sets as loaded)."""
    _name(nat, entry, ONE_TO_ONE, "one-to-one")
    nat.zone = lowering.zone(entry.at)
    nat.addresses = [entry.one_to_one.low, entry.to.low]
    nat.last = entry.one_to_one.high
    nat.inside = lowering.zone(entry.inside) if entry.inside else NO_ZONE
    nat.neutral = entry.to.length if entry.mapping else 0
    match = _arrival(lowering, entry, nat, _from_outside(lowering, entry))
    match.version = entry.to.version
    if match.destination is not None and not match.destination.holds(entry.one_to_one.low):
        match.zones_in = ()
    match.destination = lowering.addresses(entry.one_to_one)
    return match


def _departing(lowering: Lowering, entry: OneToOne, nat: NatRule) -> Match:
    """What the inside address sends; `source:` says for which peers the entry is, so here it is the destination's."""
    origin = lowering.outside() if nat.inside == NO_ZONE else [int(nat.inside)]
    match = Match(origin, [int(nat.zone)], nat=nat)
    match.version = entry.to.version
    match.source = lowering.addresses(entry.to)
    match.destination = lowering.selection(entry.source)
    match.schedule = lowering.schedule(entry.when)
    return match


def _arrival(
    lowering: Lowering, entry: DestinationSide, nat: NatRule, origin: list[int], words: tuple[str, ...] = ("any",)
) -> Match:
    """What forward, redirect and one-to-one share; wherever the address lies that is asked for."""
    rule = Rule(0, nat.name, PAIR, ACCEPT, nat.file, int(nat.line))
    equip(rule, entry.limit, entry.log, entry.mark, entry.dscp)
    rule.helpers = lowering.helpers(words)
    rule.helped = lowering.helped(words)
    nat.rule = rule
    match = Match(origin, range(int(address_columns(len(lowering.every())))), nat=nat)
    match.services, match.words = lowering.services(words), words
    match.source = lowering.selection(entry.source)
    match.destination = lowering.selection(entry.destination)
    match.schedule = lowering.schedule(entry.when)
    return match


def _ports(lowering: Lowering, nat: NatRule, words: tuple[str, ...], port: int) -> None:
    """The target ports, if they are not the outside ones; then all services are of one range (check_nat.py)."""
    if port:
        kind = lowering.traffic(words)[0]
        nat.first_port = kind.low
        nat.port_low = port
        nat.port_high = port + kind.high - kind.low


def _name(nat: NatRule, entry: NatCommon, kind: int, word: str) -> None:
    nat.kind = kind
    nat.name = entry.name or f"{word} #{nat.number + 1}"


def _from(lowering: Lowering, entry: NatCommon) -> list[int]:
    """The zones of `from:`; without it every zone but the gateway, whose own packets have the right address already."""
    return lowering.zones(entry.from_) if entry.from_ else lowering.outside()


def _from_outside(lowering: Lowering, entry: Forward | OneToOne) -> list[int]:
    """The zones that may ask for an outside address: those of `from:`, else of `at:`, and those of `hairpin:`."""
    return lowering.zones([*(entry.from_ or [entry.at]), *entry.hairpin])


def _version(entry: NatCommon, spans: Iterable[Span]) -> int:
    """The IP version that both `family:` and the addresses to translate to leave; 0 for both."""
    left = of_family(entry.family) & of_spans(spans)
    return next(iter(left)) if len(left) == 1 else 0


def _each(spans: Iterable[Span]) -> list[bytes]:
    """Every address of spans, in order; check_nat.py has seen to it that they are not too many."""
    return [
        number.to_bytes(len(span.low), "big")
        for span in spans
        for number in range(int.from_bytes(span.low, "big"), int.from_bytes(span.high, "big") + 1)
    ]
