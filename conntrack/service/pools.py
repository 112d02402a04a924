"""Outside addresses and ports of source NAT rules, as they stand.

Lives here: what a rule has and what of it is in use. May not live here: choosing a port (nat/choice.py).
"""

from __future__ import annotations

from typing import Final

from conntrack.engine.core import Engine
from conntrack.policy.nat_rule import MASQUERADE, NAT64, SOURCE_NAT, NatRule

#: outside ports where a rule names none (RFC 6335's user and dynamic ports)
PORTS: Final = (1024, 65535)


def outside(engine: Engine, rule: NatRule) -> list[bytes]:
    """The addresses that a rule translates sources to; none for other kinds of rules."""
    if rule.kind == SOURCE_NAT:
        return rule.addresses
    if rule.kind not in (MASQUERADE, NAT64):
        return []
    topology = engine.topology
    zone = [interface.index for interface in topology.interfaces() if interface.zone == rule.zone]
    both = [topology.masquerade_address(index, version) for index in zone for version in versions(engine, rule)]
    return [address for address in both if address]


def versions(engine: Engine, rule: NatRule) -> tuple[int, ...]:
    """The IP versions that a source NAT rule is for."""
    if rule.kind == NAT64:
        return (4,)
    _, departures = engine.policy.translations()
    for match in departures:
        if match.nat is rule and match.version:
            return (int(match.version),)
    return (4, 6)


def held(engine: Engine, addresses: list[bytes], protocol: int = -1) -> int:
    """How many ports of addresses are in use, of one protocol or of all."""
    wanted = set(addresses)
    uses = engine.ports.uses()
    return sum(int(use.used) for use in uses if use.address in wanted and protocol in (-1, use.protocol))


def size(rule: NatRule) -> int:
    """How many ports of each address and protocol a rule may use."""
    low, high = (int(rule.port_low), int(rule.port_high)) if rule.port_low else PORTS
    return high - low + 1
