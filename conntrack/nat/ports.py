"""Outside ports (and ICMP identifiers) in use: one counter a port for every translated address and protocol.

Lives here: what is taken, by whom, and who gives it back. May not live here: which port to try (choice.py).

By default a port may serve several connections as long as their socket pairs differ, as in the kernel: the
table's reply key tells them apart. A mapping that is exclusive (endpoint-independent, RFC 4787 REQ-1 and no
port overloading) owns its port alone.
"""

from __future__ import annotations

from array import array
from typing import Final

from mypy_extensions import i64

from conntrack.flow.connection import Connection
from conntrack.packet.header import ICMP, ICMPV6
from conntrack.policy.runtime import NatRule

PORTS: Final = 65536


class PortUse:
    """The ports of one outside address and protocol; 256 kB, made when the first one is taken."""

    def __init__(self, protocol: int, address: bytes) -> None:
        self.protocol: i64 = protocol
        self.address = address
        self.used: i64 = 0  # ports that at least one connection holds
        self._holders = array("I", bytes(4 * PORTS))
        self.exclusive: set[int] = set()
        self._resting: dict[int, Rest] = {}  # released ports that other inside hosts may not have yet

    def holders(self, port: i64) -> i64:
        """How many connections hold the port."""
        return self._holders[int(port)]

    def take(self, port: i64) -> None:
        """One more connection holds the port."""
        count = self._holders[int(port)]
        if count == 0:
            self.used += 1
        self._holders[int(port)] = count + 1

    def give(self, port: i64) -> None:
        """One connection less holds the port."""
        count = self._holders[int(port)] - 1
        self._holders[int(port)] = count
        if count == 0:
            self.used -= 1

    def rest(self, port: i64, until: float, inside: bytes) -> None:
        """The port is free, but until then only for the inside address that had it."""
        self._resting[int(port)] = Rest(until, inside)

    def rests(self, port: i64, inside: bytes, now: float) -> bool:
        """Whether the port still rests for this inside address."""
        if not self._resting:
            return False
        rest = self._resting.get(int(port))
        if rest is None or rest.inside == inside:
            return False
        if rest.until > now:
            return True
        del self._resting[int(port)]
        return False


class Rest:
    """A released port's rest."""

    def __init__(self, until: float, inside: bytes) -> None:
        self.until = until
        self.inside = inside


class Mapping:
    """An inside endpoint's outside port, kept where the port is not simply the endpoint's own."""

    def __init__(self, inside: bytes, use: PortUse, port: int, exclusive: bool, rule: NatRule | None) -> None:
        self.inside = inside  # inside_of(key)
        self.rule = rule  # lets anybody in who sends to the outside port; None: only who was sent to
        self.use = use
        self.port: i64 = port
        self.exclusive = exclusive
        self.references: i64 = 0


class Ports:
    """Every outside port in use. `own` holds protocol·65536 + port of the gateway's own sockets: never handed out."""

    def __init__(self) -> None:
        self._uses: dict[bytes, PortUse] = {}
        self._mappings: dict[bytes, Mapping] = {}
        self._open: dict[bytes, Mapping] = {}  # by protocol, outside address and port: those that let anybody in
        self.own: set[int] = set()
        self.hold_down = 0.0  # seconds that a released port rests (RFC 6888 REQ-8); 0: none

    def use(self, protocol: int, address: bytes) -> PortUse:
        """The counters of one outside address and protocol."""
        key = bytes((protocol,)) + address
        use = self._uses.get(key)
        if use is None:
            use = PortUse(protocol, address)
            self._uses[key] = use
        return use

    def uses(self) -> list[PortUse]:
        """All counters there are, for metrics."""
        return list(self._uses.values())

    def mapping(self, inside: bytes) -> Mapping | None:
        """The mapping that an inside endpoint already has, if it is one worth remembering."""
        return self._mappings.get(inside)

    def open_to(self, key: bytes) -> Mapping | None:
        """The mapping that lets a packet of this key in, whoever sent it (RFC 4787 REQ-8: endpoint-independent)."""
        if not self._open:
            return None
        size: i64 = 4 if len(key) == 14 else 16
        at = 2 + 2 * size
        return self._open.get(key[:1] + key[2 + size : at] + key[at + 2 : at + 4])

    def join(self, connection: Connection, mapping: Mapping) -> None:
        """Notes that a connection from outside came in by a mapping, which lives as long as it at least."""
        mapping.references += 1
        mapping.use.take(mapping.port)
        connection.mapping = mapping

    def is_own(self, protocol: i64, port: i64) -> bool:
        """Whether one of the gateway's own sockets uses the port."""
        return int(protocol << 16 | port) in self.own

    def hold(self, connection: Connection, use: PortUse, port: i64) -> None:
        """Notes that a connection holds a port that several may share."""
        use.take(port)
        connection.mapping = use

    def map(
        self,
        connection: Connection,
        inside: bytes,
        use: PortUse,
        port: i64,
        exclusive: bool,
        rule: NatRule | None = None,
    ) -> None:
        """Notes that a connection holds a port by a mapping that its inside endpoint's next connections will reuse."""
        mapping = self._mappings.get(inside)
        if mapping is None:
            mapping = Mapping(inside, use, int(port), exclusive, rule)
            self._mappings[inside] = mapping
            if exclusive:
                use.exclusive.add(int(port))
            if rule is not None:
                self._open[outside_of(use, port)] = mapping
        self.join(connection, mapping)

    def release(self, connection: Connection, now: float = 0.0) -> None:
        """Takes back what an ending connection held."""
        held = connection.mapping
        if held is None:
            return
        connection.mapping = None
        if isinstance(held, PortUse):
            self._free(held, outside_port(connection.reply.key), connection.original.key, now)
        elif isinstance(held, Mapping):
            self._free(held.use, held.port, held.inside, now)
            held.references -= 1
            if held.references == 0:
                held.use.exclusive.discard(int(held.port))
                del self._mappings[held.inside]
                if held.rule is not None:
                    del self._open[outside_of(held.use, held.port)]

    def _free(self, use: PortUse, port: i64, inside: bytes, now: float) -> None:
        """One holder less; the last one's port rests. inside: protocol, space, inside address, and whatever follows."""
        use.give(port)
        if self.hold_down > 0.0 and use.holders(port) == 0:
            use.rest(port, now + self.hold_down, inside[2 : 2 + len(use.address)])


def inside_of(key: bytes) -> bytes:
    """The inside endpoint of an original key: protocol, space, source address, source port or identifier."""
    size: i64 = 4 if len(key) == 14 else 16
    return key[: 2 + size] + key[2 + 2 * size : 4 + 2 * size]


def outside_of(use: PortUse, port: i64) -> bytes:
    """What stands for an outside endpoint: protocol, address, port."""
    return bytes((int(use.protocol),)) + use.address + bytes((int(port >> 8), int(port & 0xFF)))


def outside_port(reply: bytes) -> i64:
    """The translated source port (or ICMP identifier) that a reply key is addressed to."""
    protocol = reply[0]
    at: i64 = len(reply) - 2
    if protocol == ICMP or protocol == ICMPV6:
        at -= 2
    return i64(reply[at]) << 8 | i64(reply[at + 1])
