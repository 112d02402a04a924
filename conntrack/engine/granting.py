"""Where a requested mapping may lie: the entry that translates its host, and a free outside port there.

Lives here: the request and the choice. May not live here: which mappings are granted (requested.py).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.state import State
from conntrack.flow.pair import build
from conntrack.nat.block_choice import fits
from conntrack.nat.chosen import Choice
from conntrack.nat.destination import spread
from conntrack.nat.mapping import Mapping
from conntrack.policy.nat_rule import EXCLUSIVE, MASQUERADE, SOURCE_NAT, NatRule
from conntrack.policy.runtime import NO_ZONE, Query

#: ports tried until one is found that no forward takes first
ATTEMPTS: Final = 16


#: why a request is refused, for people; the first word is for programs
UNSUPPORTED: Final = "unsupported: only tcp, udp, udplite, sctp and dccp have ports to map"
NOT_INSIDE: Final = "not-inside: no zone is known for the inside address"
UNTRANSLATED: Final = "untranslated: no masquerade or source-nat entry translates what this host sends outside"
NO_ADDRESS: Final = "no-address: the entry that translates this host has no such outside address"
TAKEN: Final = "taken: the outside port is somebody else's, or outside the entry's ports"
EXHAUSTED: Final = "exhausted: no outside port is free"
TOO_MANY: Final = "too-many: as many mappings are granted as may be"
NOT_YOURS: Final = "not-yours: another owner asked for this mapping"


class Wanted:
    """A request. outside: b"" for any address; outside_port: 0 for any; zone_in: −1 for where the address is routed."""

    def __init__(self, protocol: int, inside: bytes, port: int, lifetime: float, owner: str) -> None:
        self.protocol: i64 = protocol
        self.inside = inside
        self.port: i64 = port
        self.lifetime = lifetime
        self.owner = owner
        self.outside: bytes = b""
        self.outside_port: i64 = 0
        self.zone_in: i64 = NO_ZONE


class Granting:
    """Looks, and changes nothing but `refusal`: why the last request cannot be granted."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._query = Query()
        self.refusal = ""

    def _refuse(self, why: str) -> Choice | None:
        self.refusal = why
        return None

    def choose(self, wanted: Wanted, key: bytes, nat: NatRule, now: float) -> Choice | None:
        """A free outside port; None: refused."""
        pool = self._pool(nat, len(wanted.inside))
        if not pool or (wanted.outside and wanted.outside not in pool):
            return self._refuse(NO_ADDRESS)
        low, high = i64(nat.port_low), i64(nat.port_high)
        if wanted.outside_port:
            if nat.port_low and not nat.port_low <= wanted.outside_port <= nat.port_high:
                return self._refuse(TAKEN)
            low = high = wanted.outside_port
        attempts = 1 if wanted.outside_port else ATTEMPTS
        for _ in range(attempts):
            choice = self._free(wanted, key, nat, pool, low, high, now)
            if choice.reply and choice.use is not None and not self._forwarded(nat, choice, now):
                return choice
        return self._refuse(TAKEN if wanted.outside_port or wanted.outside else EXHAUSTED)

    def _free(
        self, wanted: Wanted, key: bytes, nat: NatRule, pool: list[bytes], low: i64, high: i64, now: float
    ) -> Choice:
        """A free port, of the subscriber's block where there are such; `reply` is b"" if there is none."""
        state = self._state
        source = wanted.inside
        nobody = bytes(len(source))
        forward = build(int(wanted.protocol), source, nobody, int(wanted.port), 0)
        manner = EXCLUSIVE | nat.manner
        plan = nat.blocks
        if plan is None:
            address = wanted.outside if wanted.outside else spread(source, pool)
            return state.chooser.choose(forward, address, low, high, manner, now, key)
        if not wanted.outside_port:
            return state.blocks.choose(forward, key, plan, pool, manner, now)
        subscriber = state.ports.blocks.subscriber(plan, key[1:2], source)
        for block in subscriber.blocks:
            at_home = not wanted.outside or wanted.outside == block.address
            if at_home and block.low <= low <= block.high and fits(block, plan, pool):
                choice = state.chooser.choose(forward, block.address, low, low, manner, now, key)
                choice.block = block
                return choice
        return Choice()

    def _forwarded(self, nat: NatRule, choice: Choice, now: float) -> bool:
        """Whether a forward or one-to-one takes what comes to the port first."""
        query = self._query
        use = choice.use
        assert use is not None
        query.zone_in = nat.zone
        query.protocol = use.protocol
        query.destination = use.address
        query.destination_port = choice.port
        query.source = bytes(len(use.address))
        query.address_zone = self._state.topology.address_zone(use.address)
        return self._state.policy.destination_nat(query) is not None

    def entry(self, wanted: Wanted, zone: i64, now: float) -> NatRule | None:
        """The entry that translates what the endpoint sends by the default route."""
        state = self._state
        query = self._query
        size = len(wanted.inside)
        query.version = 4 if size == 4 else 6
        query.protocol = wanted.protocol
        query.source, query.source_port = wanted.inside, wanted.port
        query.destination, query.destination_port = bytes(size), 0
        query.zone_in = zone
        query.zone_out = state.topology.zone_of(state.topology.route(bytes(size)))
        query.now, query.wall = now, now + state.wall
        nat = state.policy.source_nat(query)
        return nat if nat is not None and nat.kind in (MASQUERADE, SOURCE_NAT) else None

    def _pool(self, nat: NatRule, size: i64) -> list[bytes]:
        if nat.kind == SOURCE_NAT:
            return nat.pool(int(size))
        topology = self._state.topology
        address = topology.masquerade_address(topology.route(bytes(int(size))), 4 if size == 4 else 6)
        return [address] if address else []

    def zone(self, wanted: Wanted) -> i64:
        """The zone of the inside endpoint; NO_ZONE for addresses of ours and those that no route leads to."""
        topology = self._state.topology
        if topology.is_local(wanted.inside) or topology.is_group(wanted.inside):
            return NO_ZONE
        if wanted.zone_in != NO_ZONE:
            return wanted.zone_in
        index = topology.route(wanted.inside)
        return topology.zone_of(index) if index else NO_ZONE


def suits(mapping: Mapping, wanted: Wanted) -> bool:
    """Whether a mapping is at the outside endpoint that is wanted."""
    if wanted.outside and wanted.outside != mapping.use.address:
        return False
    return wanted.outside_port == 0 or wanted.outside_port == mapping.port
