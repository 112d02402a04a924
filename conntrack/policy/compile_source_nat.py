"""From the entries of `nat:` that translate sources, and `exempt:`, to NAT rules and what they match.

Lives here: one function a kind. May not live here: destinations (compile_destination_nat.py), addresses
and ports chosen for a connection (nat/).
"""

from __future__ import annotations

from conntrack.policy.compile_blocks import plan_of
from conntrack.policy.compile_entry import PAIR, every_address, from_zones, identify, only_version
from conntrack.policy.document_nat import Exempt, Masquerade, Nat64, OneToOne, SourceNat, SourceSide
from conntrack.policy.lowering import Lowering, version
from conntrack.policy.match import Match
from conntrack.policy.nat_rule import CONTIGUITY, EXCLUSIVE, EXEMPT, MASQUERADE, NAT64, PARITY, SOURCE_NAT, NatRule
from conntrack.policy.runtime import ACCEPT, NO_ZONE, Rule

#: `preserve:` → NatRule.manner
MANNERS = {
    "nothing": EXCLUSIVE,
    "parity": EXCLUSIVE | PARITY,
    "contiguity": EXCLUSIVE | PARITY | CONTIGUITY,
}


def masquerade(lowering: Lowering, entry: Masquerade, nat: NatRule) -> Match:
    """What leaves by a zone gets the address of the interface it leaves by."""
    identify(nat, entry, MASQUERADE, "masquerade")
    nat.zone = lowering.zone(entry.masquerade)
    return _departure(lowering, entry, nat, version(entry.family))


def source_nat(lowering: Lowering, entry: SourceNat, nat: NatRule) -> Match:
    """What leaves by a zone gets an address of a pool."""
    identify(nat, entry, SOURCE_NAT, "source-nat")
    nat.zone = lowering.zone(entry.at)
    nat.set_pool(every_address(entry.source_nat))
    return _departure(lowering, entry, nat, only_version(entry, entry.source_nat))


def exempt(lowering: Lowering, entry: Exempt, nat: NatRule) -> Match:
    """What is not translated, whatever stands below."""
    identify(nat, entry, EXEMPT, "exempt")
    match = Match(from_zones(lowering, entry), lowering.every(), nat=nat)
    match.version = version(entry.family)
    match.source = lowering.selection(entry.source)
    match.destination = lowering.selection(entry.exempt)
    match.schedule = lowering.schedule(entry.when)
    return match


def nat64(lowering: Lowering, entry: Nat64, nat: NatRule) -> Match:
    """IPv6 to a prefix leaves as IPv4; of the usual address space only."""
    identify(nat, entry, NAT64, "nat64")
    nat.zone = lowering.zone(entry.at)
    nat.addresses = [entry.nat64.low]
    nat.prefix = entry.nat64.length
    nat.endpoint_independent = True
    if entry.ports is not None:
        nat.port_low, nat.port_high = entry.ports
    zones = lowering.document.zones
    origin = [number for number, name in enumerate(zones, 1) if not zones[name].space]
    match = Match([number for number in from_zones(lowering, entry) if number in origin], [int(nat.zone)], nat=nat)
    match.version = 6
    match.source = lowering.selection(entry.source)
    match.schedule = lowering.schedule(entry.when)
    return match


def departing(lowering: Lowering, entry: OneToOne, nat: NatRule) -> Match:
    """What the inside address sends; `source:` says for which peers the entry is, so here it is the destination's."""
    origin = lowering.outside() if nat.inside == NO_ZONE else [int(nat.inside)]
    match = Match(origin, [int(nat.zone)], nat=nat)
    match.version = entry.to.version
    match.source = lowering.addresses(entry.to)
    match.destination = lowering.selection(entry.source)
    match.schedule = lowering.schedule(entry.when)
    return match


def _departure(lowering: Lowering, entry: SourceSide, nat: NatRule, only: int) -> Match:
    if entry.ports is not None:
        nat.port_low, nat.port_high = entry.ports
    nat.blocks = plan_of(entry, nat.name)
    nat.endpoint_independent = entry.mapping is not None
    nat.manner = MANNERS[entry.preserve] if entry.mapping else 0
    nat.inbound_refresh = entry.inbound_refresh
    if entry.filtering is not None:
        nat.rule = Rule(0, nat.name, PAIR, ACCEPT, nat.file, int(nat.line))
    match = Match(from_zones(lowering, entry), [int(nat.zone)], nat=nat)
    match.version = only
    match.source = lowering.selection(entry.source)
    match.destination = lowering.selection(entry.destination)
    match.schedule = lowering.schedule(entry.when)
    return match
