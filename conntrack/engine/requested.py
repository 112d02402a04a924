"""Mappings that somebody asks for, not a packet: the engine's interface for PCP, NAT-PMP, UPnP and administrators.

Lives here: granting, extending, ending them. May not live here: any of those protocols, or who may ask (service/).

A granted mapping is one like those of endpoint-independent mapping and filtering: whoever in the zone outside sends to
its port gets in, unless a rule with conditions refuses; and what the inside socket sends leaves by it. It lives as long
as asked for, whatever is sent, and longer while connections use it, but lets nobody new in then.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.granting import (
    NOT_INSIDE,
    NOT_YOURS,
    TAKEN,
    TOO_MANY,
    UNSUPPORTED,
    UNTRANSLATED,
    Granting,
    Wanted,
    suits,
)
from conntrack.engine.state import State
from conntrack.engine.topology import Topology
from conntrack.nat.endpoint import inside_address
from conntrack.nat.mapping import Mapping
from conntrack.packet.header import WITH_PORTS
from conntrack.policy.nat_rule import MASQUERADE, SOURCE_NAT, NatRule
from conntrack.policy.policy import Policy
from conntrack.policy.runtime import ACCEPT, NO_ZONE, Rule

#: mappings granted at a time, altogether and for one inside address
MOST: Final = 4096
MOST_OF_ONE: Final = 256
#: the longest lifetime, in seconds: a day, as RFC 6887 §15 advises
LONGEST: Final = 86400.0


class Grant:
    """A mapping that was granted. `began_open`: it let anybody in before, by its own rule."""

    def __init__(self, mapping: Mapping, nat: NatRule, owner: str, expires: float) -> None:
        self.mapping = mapping
        self.nat = nat
        self.owner = owner
        self.expires = expires
        self.began_open = mapping.rule is not None


class Requests:
    """All granted mappings."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._grants: dict[bytes, Grant] = {}  # by inside endpoint (nat/endpoint.py)
        self._of: dict[bytes, int] = {}  # inside address → how many
        self._granting = Granting(state)
        self._nearest = 0.0  # nothing ends before

    @property
    def refusal(self) -> str:
        """Why the last request was refused: a word for programs, and a sentence."""
        return self._granting.refusal

    def grants(self) -> dict[bytes, Grant]:
        """The granted mappings by inside endpoint. Not to be changed."""
        return self._grants

    def request(self, wanted: Wanted, now: float) -> Grant | None:
        """Grants a mapping, or extends or shortens one; None: see `refusal`."""
        if int(wanted.protocol) not in WITH_PORTS or not 0 < wanted.port < 65536:
            return self._refuse(UNSUPPORTED)
        zone = self._granting.zone(wanted)
        if zone == NO_ZONE:
            return self._refuse(NOT_INSIDE)
        space = self._state.spaces.of_zone(zone)
        key = bytes((int(wanted.protocol), int(space))) + wanted.inside + int(wanted.port).to_bytes(2, "big")
        grant = self._grants.get(key)
        expires = now + min(wanted.lifetime, LONGEST)
        if grant is None:
            return self._begin(wanted, key, zone, expires, now)
        if grant.owner != wanted.owner:
            return self._refuse(NOT_YOURS)
        if not suits(grant.mapping, wanted):
            return self._refuse(TAKEN)
        grant.expires = expires
        self._nearest = min(self._nearest, expires)
        return grant

    def withdraw(self, inside: bytes, now: float) -> bool:
        """Ends the mapping of an inside endpoint; False if none was granted."""
        grant = self._grants.pop(inside, None)
        if grant is None:
            return False
        address = inside_address(inside)
        left = self._of[address] - 1
        if left:
            self._of[address] = left
        else:
            del self._of[address]
        mapping = grant.mapping
        mapping.begun -= 1
        if not grant.began_open:
            self._state.ports.shut(mapping)
        self._state.ports.let_go(mapping, now)
        return True

    def expire(self, now: float) -> None:
        """Ends what has lived as long as it was to."""
        if not self._grants or now < self._nearest:
            return
        for inside in [inside for inside, grant in self._grants.items() if grant.expires <= now]:
            self.withdraw(inside, now)
        self._nearest = min([grant.expires for grant in self._grants.values()], default=0.0)

    def renew(self, policy: Policy) -> None:
        """Another policy is in force: what its entries translate no more ends at the next `expire`."""
        rules = {rule.name: rule for rule in policy.nat_rules if rule.kind in (MASQUERADE, SOURCE_NAT)}
        for grant in self._grants.values():
            rule = rules.get(grant.nat.name)
            if rule is None:
                grant.expires = self._nearest = 0.0
                continue
            grant.began_open = grant.mapping.rule is not None
            grant.nat = rule
            self._open(grant)

    def leave(self, topology: Topology, now: float) -> None:
        """Addresses or links changed: mappings behind an interface's address end with it."""
        for inside, grant in list(self._grants.items()):
            if grant.nat.kind == MASQUERADE and not topology.is_local(grant.mapping.use.address):
                self.withdraw(inside, now)

    def _begin(self, wanted: Wanted, key: bytes, zone: i64, expires: float, now: float) -> Grant | None:
        if len(self._grants) >= MOST or self._of.get(wanted.inside, 0) >= MOST_OF_ONE:
            return self._refuse(TOO_MANY)
        nat = self._granting.entry(wanted, zone, now)
        if nat is None:
            return self._refuse(UNTRANSLATED)
        mapping = self._state.ports.mapping(key)
        if mapping is not None:
            if not suits(mapping, wanted) or not self._own(mapping):
                return self._refuse(TAKEN)
        else:
            choice = self._granting.choose(wanted, key, nat, now)
            if choice is None:
                return None
            mapping = self._state.ports.begin(key, choice, True, None)
        grant = Grant(mapping, nat, wanted.owner, expires)
        self._open(grant)
        self._state.ports.keep(mapping, now)
        mapping.begun += 1
        self._nearest = min(self._nearest, expires) if self._grants else expires
        self._grants[key] = grant
        self._of[wanted.inside] = self._of.get(wanted.inside, 0) + 1
        return grant

    def _refuse(self, why: str) -> Grant | None:
        self._granting.refusal = why
        return None

    def _own(self, mapping: Mapping) -> bool:
        """Makes an endpoint's mapping its alone; False if others hold the port as well."""
        if not mapping.exclusive:
            if mapping.use.holders(mapping.port) != mapping.references:
                return False
            mapping.exclusive = True
            mapping.use.exclusive.add(int(mapping.port))
        return True

    def _open(self, grant: Grant) -> None:
        """Lets anybody in by it, if its own rule does not do so already."""
        if grant.mapping.rule is None:
            self._state.ports.open(grant.mapping, admitting(grant.nat))


def admitting(nat: NatRule) -> NatRule:
    """An entry's copy whose mappings let anybody in, as endpoint-independent filtering does."""
    if nat.rule is not None:
        return nat
    copy = NatRule(int(nat.number), nat.name, int(nat.kind), nat.file, int(nat.line))
    copy.zone = nat.zone
    copy.manner = nat.manner
    copy.blocks = nat.blocks
    copy.endpoint_independent = nat.endpoint_independent
    copy.set_pool(nat.addresses)
    copy.rule = Rule(0, "requested", "nat", ACCEPT, nat.file, int(nat.line))
    return copy
