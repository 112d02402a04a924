"""Outside ports (and ICMP identifiers) in use: by whom, and who gives them back.

Lives here: all addresses' counters (use.py) and the mappings of inside endpoints (mapping.py). May not live here: which
port to try (choice.py).

By default a port may serve several connections as long as their socket pairs differ, as in the kernel: the
table's reply key tells them apart. A mapping that is exclusive (endpoint-independent, RFC 4787 REQ-1 and no
port overloading) owns its port alone.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.flow.connection import Connection
from conntrack.nat.blocks import Blocks
from conntrack.nat.chosen import Choice
from conntrack.nat.endpoint import PORTED, inside_address, inside_of, outside_port
from conntrack.nat.mapping import Mapping
from conntrack.nat.port_block import Block
from conntrack.nat.use import PortUse
from conntrack.policy.nat_rule import NatRule

#: addresses whose counters are kept without a look at whether they are used
SWEEP_FROM: Final = 256


class Ports:
    """Every outside port in use. `own` holds protocol·65536 + port of the gateway's own sockets: never handed out."""

    def __init__(self) -> None:
        self._uses: dict[bytes, PortUse] = {}
        self._mappings: dict[bytes, Mapping] = {}
        self._open: dict[bytes, Mapping] = {}  # by protocol, outside address and port: those that let anybody in
        self.blocks = Blocks()
        self.own: set[int] = set()
        self.hold_down = 0.0  # seconds that a released port rests (RFC 6888 REQ-8); 0: none
        self._latest = 0.0  # when a port was released last
        self._sweep_at = SWEEP_FROM  # so many addresses' counters are looked through for idle ones

    def use(self, protocol: int, address: bytes) -> PortUse:
        """The counters of one outside address and protocol."""
        key = bytes((protocol,)) + address
        use = self._uses.get(key)
        if use is None:
            if len(self._uses) >= self._sweep_at:
                self._sweep()
            use = PortUse(protocol, address)
            self._uses[key] = use
        return use

    def _sweep(self) -> None:
        """Forgets addresses that nobody uses: of a translated network every host has one, spoofed ones too."""
        self._uses = {key: use for key, use in self._uses.items() if not use.idle(self._latest)}
        self._sweep_at = max(SWEEP_FROM, 2 * len(self._uses))

    def uses(self) -> list[PortUse]:
        """All counters there are, for metrics."""
        return list(self._uses.values())

    def mapping(self, inside: bytes) -> Mapping | None:
        """The mapping that an inside endpoint already has, if it is one worth remembering."""
        return self._mappings.get(inside)

    def mappings(self) -> list[Mapping]:
        """All mappings there are, for people."""
        return list(self._mappings.values())

    def open_to(self, key: bytes) -> Mapping | None:
        """The mapping that lets a packet of this key in, whoever sent it (RFC 4787 REQ-8: endpoint-independent)."""
        if not self._open:
            return None
        size: i64 = 4 if len(key) == 14 else 16
        at = 2 + 2 * size
        return self._open.get(key[:1] + key[2 + size : at] + key[at + 2 : at + 4])

    def join(self, connection: Connection, mapping: Mapping, now: float) -> None:
        """Notes that a connection from outside came in by a mapping, which lives as long as it at least."""
        self.keep(mapping, now)
        connection.mapping = mapping

    def is_own(self, protocol: i64, port: i64) -> bool:
        """Whether one of the gateway's own sockets uses the port."""
        return int(protocol << 16 | port) in self.own

    def hold(self, connection: Connection, choice: Choice, now: float) -> None:
        """Notes that a connection holds a port that several may share."""
        use = choice.use
        if use is not None:
            use.take(choice.port)
        if choice.block is not None:
            self.blocks.hold(choice.block, now)
            connection.mapping = choice.block
        else:
            connection.mapping = use

    def map(
        self, connection: Connection, inside: bytes, choice: Choice, exclusive: bool, rule: NatRule | None, now: float
    ) -> None:
        """Notes that a connection holds a port by a mapping that its inside endpoint's next connections will reuse."""
        mapping = self._mappings.get(inside)
        if mapping is None:
            mapping = self.begin(inside, choice, exclusive, rule)
        mapping.begun += 1
        self.join(connection, mapping, now)

    def begin(self, inside: bytes, choice: Choice, exclusive: bool, rule: NatRule | None) -> Mapping:
        """A new mapping, for its first holder to `keep`."""
        use = choice.use
        assert use is not None
        mapping = Mapping(inside, use, choice.port, exclusive)
        mapping.block = choice.block
        self._mappings[inside] = mapping
        if exclusive:
            use.exclusive.add(int(choice.port))
        if rule is not None:
            self.open(mapping, rule)
        return mapping

    def open(self, mapping: Mapping, rule: NatRule) -> None:
        """Lets anybody in who sends to the mapping's outside port, as the rule says."""
        mapping.rule = rule
        self._open[mapping.outside()] = mapping

    def shut(self, mapping: Mapping) -> None:
        """Lets nobody in by it any more but who was sent to."""
        if mapping.rule is not None:
            mapping.rule = None
            del self._open[mapping.outside()]

    def keep(self, mapping: Mapping, now: float) -> None:
        """One more holder of a mapping."""
        mapping.references += 1
        mapping.use.take(mapping.port)
        if mapping.block is not None:
            self.blocks.hold(mapping.block, now)

    def let_go(self, mapping: Mapping, now: float) -> None:
        """One holder less; without any the mapping ends."""
        self._free(mapping.use, mapping.port, mapping.inside, now)
        if mapping.block is not None:
            self.blocks.release(mapping.block, now)
        mapping.references -= 1
        if mapping.references == 0:
            mapping.use.exclusive.discard(int(mapping.port))
            del self._mappings[mapping.inside]
            self.shut(mapping)

    def renew(self, rules: dict[str, NatRule]) -> None:
        """Other rules are in force, by name: a mapping lets anybody in only as the rule of its name now says."""
        for outside, mapping in list(self._open.items()):
            old = mapping.rule
            mapping.rule = None if old is None else rules.get(old.name)
            if mapping.rule is None:
                del self._open[outside]

    def reserve(self, inside: bytes, choice: Choice, now: float) -> Mapping:
        """Holds a port for an inside endpoint that expects connections at it, until `let_go`.

        By the endpoint's mapping if it has one already, which then must be of that port.
        """
        mapping = self._mappings.get(inside)
        if mapping is None:
            mapping = self.begin(inside, choice, True, None)
        self.keep(mapping, now)
        return mapping

    def release(self, connection: Connection, now: float = 0.0) -> None:
        """Takes back what an ending connection held."""
        held = connection.mapping
        if held is None:
            return
        connection.mapping = None
        self._latest = now
        if isinstance(held, PortUse):
            self._free(held, outside_port(connection.reply.key), connection.original.key, now)
        elif isinstance(held, Mapping):
            if inside_of(connection.original.key)[2:] == held.inside[2:]:  # NAT64 has a space of its own
                held.begun -= 1
            self.let_go(held, now)
        elif isinstance(held, Block):
            if int(connection.protocol) in PORTED:
                use = self.use(int(connection.protocol), held.address)
                self._free(use, outside_port(connection.reply.key), connection.original.key, now)
            self.blocks.release(held, now)

    def _free(self, use: PortUse, port: i64, inside: bytes, now: float) -> None:
        """One holder less; the last one's port rests. inside: protocol, space, inside address, and whatever follows."""
        use.give(port)
        if self.hold_down > 0.0 and use.holders(port) == 0:
            use.rest(port, now + self.hold_down, inside_address(inside))
