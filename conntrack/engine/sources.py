"""Source NAT of a new connection: which outside address, which port, and the reply key that follows.

Lives here: a rule's outside address joined with the topology, and hairpin's. May not live here: which rule
applies (policy/), the choice of the port (nat/choice).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.engine.spaces import leaving
from conntrack.engine.state import State
from conntrack.flow.connection import ORIGINAL_QUIET, REPLY_QUIET, Connection
from conntrack.flow.expectation import Expectation
from conntrack.flow.pair import destination_of, invert
from conntrack.nat.block_choice import block_of
from conntrack.nat.chosen import Choice
from conntrack.nat.destination import spread
from conntrack.nat.endpoint import inside_of
from conntrack.packet import reason
from conntrack.packet.counterpart import counterpart
from conntrack.packet.header import WITH_PORTS
from conntrack.policy.nat_rule import EXCLUSIVE, MASQUERADE, NAT64, ONE_TO_ONE, PARITY, SOURCE_NAT, BlockPlan, NatRule
from conntrack.policy.runtime import SELF, Query

#: stands for the address space in the inside endpoints of NAT64's mappings
NAT64_SPACE: Final = b"\xff"


class SourceTranslation:
    """`failure` says why `reply_key` returned b""; `plain` is the reply key without any NAT."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._choice: Choice | None = None
        self._manner: i64 = 0
        self._open: NatRule | None = None  # the rule, if the mapping it makes lets anybody in
        self._inside: bytes = b""  # the inside endpoint
        self._now = 0.0
        self.failure: i64 = reason.NAT_EXHAUSTED
        self.plain: bytes = b""
        self.quiet: i64 = 0  # ORIGINAL_QUIET or REPLY_QUIET, where packets from outside are not to keep it alive
        self.outbound: i64 = 0  # the interface that the last one is masqueraded behind, 0 for none

    def reply_key(self, key: bytes, forward: bytes, nat: NatRule | None, query: Query, outbound: i64) -> bytes:
        """The key that replies to this connection come with; b"" where it cannot be translated.

        key: as the packet came; forward: with its destination translated by the rule `nat`; outbound: the interface it
        leaves by, 0 where it was not routed yet.
        """
        self._begin(key, query)
        if nat is not None and nat.kind == NAT64:
            return self._across(nat, key, forward)
        spaces = self._state.spaces
        if spaces.apart:
            forward = leaving(spaces.of_zone(query.zone_out), forward, query.zone_in, query.zone_out)
        if query.zone_in == SELF or query.zone_out == SELF:
            return self._untranslated(forward, nat is None, False)
        if nat is not None and query.zone_out == query.zone_in:
            return self._hairpin(nat, forward, destination_of(key), query)
        if nat is not None and not nat.inbound_refresh:
            self.quiet = ORIGINAL_QUIET
        rule = self._state.policy.source_nat(query)
        if rule is None:
            if key[1] != 0 and forward[1] != key[1]:
                self.failure = reason.NAT_REQUIRED
                return b""
            return self._untranslated(forward, nat is None, True)
        rule.hits += 1
        if not rule.inbound_refresh:
            self.quiet |= REPLY_QUIET
        index = outbound if outbound else self._state.way(query.zone_out, destination_of(forward))
        reply = self._by_rule(rule, forward, query, index)
        if not reply:
            rule.failures += 1
        return reply

    def expected_key(self, key: bytes, forward: bytes, expectation: Expectation, query: Query) -> bytes:
        """The same for an expected connection: its source is seen as the other end of its master is.

        One that anybody may begin keeps its source, but for hairpin's.
        """
        self._begin(key, query)
        spaces = self._state.spaces
        if spaces.apart:
            forward = leaving(spaces.of_zone(query.zone_out), forward, query.zone_in, query.zone_out)
        if expectation.seen_as:
            master = expectation.master
            if master.zone_in == query.zone_in:
                self.outbound = i64(master.outbound)
            block = block_of(master, query.source)
            if block is not None:
                return self._from_blocks(forward, block.plan, [expectation.seen_as], 0)
            return self._choose(forward, expectation.seen_as, 0, 0, 0)
        if not expectation.peer and query.zone_out == query.zone_in and forward != key:
            return self._choose(forward, destination_of(key), 0, 0, 0)
        ours = query.zone_in == SELF or query.zone_out == SELF
        return self._untranslated(forward, forward == key, not ours)

    def hold(self, connection: Connection) -> None:
        """Notes the port that the last reply_key chose as held by the connection that got it."""
        choice = self._choice
        if choice is None or (choice.use is None and choice.block is None):
            return
        if choice.mapped:
            self._state.ports.map(connection, self._inside, choice, self._manner != 0, self._open, self._now)
        else:
            self._state.ports.hold(connection, choice, self._now)

    def _begin(self, key: bytes, query: Query) -> None:
        """Forgets what the connection before this one was given."""
        self._choice = None
        self._open = None
        self._now = query.now
        self.plain = b""
        self.outbound = 0
        self.quiet = 0
        self._inside = inside_of(key)

    def _hairpin(self, nat: NatRule, forward: bytes, asked: bytes, query: Query) -> bytes:
        """From inside to an outside address of an inside host, which sees an outside one, too (RFC 4787 REQ-9)."""
        if nat.kind == SOURCE_NAT:
            return self._by_rule(nat, forward, query, 0)
        if nat.blocks is not None:
            return self._from_blocks(forward, nat.blocks, [asked], nat.manner)
        return self._choose(forward, asked, 0, 0, nat.manner)

    def _untranslated(self, forward: bytes, plain: bool, forwarded: bool) -> bytes:
        """The reply key without source NAT. Where another connection has it, the client's port gives way (kernel)."""
        reply = invert(forward)
        if reply in self._state.table.directions:
            self.failure = reason.NAT_CLASH
            return self._state.chooser.sidestep(forward) if forwarded else b""
        if plain:
            self.plain = reply
        return reply

    def _by_rule(self, rule: NatRule, forward: bytes, query: Query, index: i64) -> bytes:
        if rule.kind == MASQUERADE:
            address = self._state.topology.masquerade_address(index, query.version)
            self.outbound = index
        elif rule.kind == ONE_TO_ONE:
            outside, inside = rule.addresses
            fits = len(outside) == len(query.source)
            address = counterpart(query.source, inside, outside, rule.neutral) if fits else b""
        else:
            pool = rule.pool(len(query.source))
            address = spread(query.source, pool) if pool else b""
        if not address:
            self.failure = reason.NAT_NO_ADDRESS
            return b""
        if rule.rule is not None and rule.endpoint_independent and int(forward[0]) in WITH_PORTS:
            self._open = rule
        if rule.blocks is not None:
            pool = [address] if rule.kind == MASQUERADE else rule.pool(len(address))
            return self._from_blocks(forward, rule.blocks, pool, rule.manner)
        return self._choose(forward, address, rule.port_low, rule.port_high, rule.manner)

    def _across(self, rule: NatRule, key: bytes, forward: bytes) -> bytes:
        """Behind the IPv4 address of the interface that leads to the destination; always endpoint-independent."""
        topology = self._state.topology
        self.outbound = topology.route(destination_of(forward))
        address = topology.masquerade_address(self.outbound, 4)
        if not address:
            rule.failures += 1
            self.failure = reason.NAT_NO_ADDRESS
            return b""
        self._inside = key[:1] + NAT64_SPACE + self._inside[2:]  # an IPv6 mapping of the same socket is another one
        reply = self._choose(forward, address, rule.port_low, rule.port_high, EXCLUSIVE | PARITY)
        if not reply:
            rule.failures += 1
        return reply

    def _from_blocks(self, forward: bytes, plan: BlockPlan, pool: list[bytes], manner: i64) -> bytes:
        blocks = self._state.blocks
        choice = blocks.choose(forward, self._inside, plan, pool, manner, self._now)
        self._choice = choice
        self._manner = manner
        self.failure = blocks.failure
        return choice.reply

    def _choose(self, forward: bytes, address: bytes, low: i64, high: i64, manner: i64) -> bytes:
        choice = self._state.chooser.choose(forward, address, low, high, manner, self._now, self._inside)
        self._choice = choice
        self._manner = manner
        self.failure = reason.NAT_EXHAUSTED if choice.use is not None else reason.NAT_CLASH
        return choice.reply
