"""From the entries of `nat:` that translate destinations to NAT rules and what they match.

Lives here: one function a kind. May not live here: sources (compile_source_nat.py), addresses chosen for a connection
(nat/).
"""

from __future__ import annotations

from conntrack.policy.compile_entry import PAIR, every_address, from_zones, identify, only_version
from conntrack.policy.document_nat import DestinationSide, Forward, OneToOne, Redirect
from conntrack.policy.lowering import ANYWHERE, Lowering, equip, version
from conntrack.policy.match import Match
from conntrack.policy.nat_rule import FORWARD, ONE_TO_ONE, REDIRECT, NatRule
from conntrack.policy.policy import address_column, address_columns
from conntrack.policy.runtime import ACCEPT, ANY_ADDRESS, NO_ZONE, Rule


def forward(lowering: Lowering, entry: Forward, nat: NatRule) -> Match:
    """What comes to an outside address and service goes to an inside host."""
    identify(nat, entry, FORWARD, "forward")
    spans = [target.span for target in entry.to]
    nat.zone = lowering.zone(entry.at)
    nat.addresses = every_address(spans)
    nat.inside = lowering.zone(entry.inside) if entry.inside else NO_ZONE
    _ports(lowering, nat, entry.forward, entry.to[0].port)
    match = _arrival(lowering, entry, nat, _from_outside(lowering, entry), entry.forward)
    if entry.destination == ANYWHERE:
        match.zones_out = (int(address_column(nat.zone)), int(address_column(ANY_ADDRESS)))
    match.version = only_version(entry, spans)
    return match


def redirect(lowering: Lowering, entry: Redirect, nat: NatRule) -> Match:
    """What crosses to a service goes to a port of the gateway itself."""
    identify(nat, entry, REDIRECT, "redirect")
    _ports(lowering, nat, entry.redirect, entry.to)
    match = _arrival(lowering, entry, nat, from_zones(lowering, entry), entry.redirect)
    match.version = version(entry.family)
    return match


def arriving(lowering: Lowering, entry: OneToOne, nat: NatRule) -> Match:
    """What comes to the outside address. A `destination:` without that address leaves nothing (its sets as loaded)."""
    identify(nat, entry, ONE_TO_ONE, "one-to-one")
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


def _from_outside(lowering: Lowering, entry: Forward | OneToOne) -> list[int]:
    """The zones that may ask for an outside address: those of `from:`, else of `at:`, and those of `hairpin:`."""
    return lowering.zones([*(entry.from_ or [entry.at]), *entry.hairpin])
