"""A host around the engine: netfilter's order of hooks, routing and marks, without a kernel.

A packet line (tests/golden/notation.py) that arrives from a zone goes the way that Linux would send it, through the
engine at each hook that our rules would queue it at. What comes of it is one line again:

    wan tcp 203.0.113.1:40000 > 198.51.100.9:80 SYN seq=0        left by that zone, as these bytes
    self udp 192.168.10.5:5000 > 192.168.10.1:53                 reached the gateway's own sockets
    drop no-rule                                                 dropped for that reason
    reject tcp-reset                                             refused, with that answer
"""

from __future__ import annotations

from random import Random
from socket import AF_INET, AF_INET6, inet_pton
from time import gmtime

from conntrack.engine.core import Engine
from conntrack.engine.exit import Exit
from conntrack.engine.topology import Interface, Topology, masked
from conntrack.engine.verdict import DONE, DROP, FORWARD, HALF, HOLD, OUTPUT, PREROUTING, REJECT_MASK, USER_MASK
from conntrack.packet import reason
from conntrack.policy.compile import compile_policy
from conntrack.policy.load import load_text
from conntrack.policy.nat_rule import REDIRECT, SOURCE_NAT
from conntrack.policy.policy import Policy
from tests.golden.notation import describe, packet

ANSWERS = {1: "tcp-reset", 2: "port-unreachable", 3: "prohibited"}

#: zone → (interface, addresses with their prefix length)
LINKS = {
    "wan": ("eth0", ["203.0.113.1/24", "2001:db8:113::1/64"]),
    "lan": ("eth1", ["192.168.10.1/24", "fd10::1/64"]),
    "guest": ("eth2", ["192.168.20.1/24"]),
}


def address(text: str) -> bytes:
    """A packed address."""
    return inet_pton(AF_INET6 if ":" in text else AF_INET, text)


def topology_of(links: dict[str, tuple[str, list[str]]], zones: dict[str, int]) -> Topology:
    """Interfaces with these addresses and the routes that follow; what is nowhere is beyond wan."""
    made = Topology()
    for index, (zone, (name, addresses)) in enumerate(links.items(), start=1):
        interface = Interface(index, name, zones.get(zone, -1))
        for text in addresses:
            own, length = address(text.split("/")[0]), int(text.split("/")[1])
            interface.addresses.append(own)
            interface.sources.append(own)
            made.add_route(masked(own, length), length, index)
            if len(own) == 4:
                last = int.from_bytes(own, "big") | (1 << (32 - length)) - 1
                interface.broadcasts.add(last.to_bytes(4, "big"))
        made.add_interface(interface)
        if zone == "wan":
            made.add_route(bytes(4), 0, index)
            made.add_route(bytes(16), 0, index)
    return made


#: the index of the link that NAT64's packets come in by
TUNNEL = 64


class Tunnel(Exit):
    """What the engine sent by its own link, until the host takes it."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def send(self, raw: bytes) -> bool:
        self.waiting.append(raw)
        return True

    def take(self) -> list[bytes]:
        waiting, self.waiting = self.waiting, []
        return waiting


class Host:
    """One gateway with a clock of its own, which stands still unless `wait` moves it."""

    def __init__(
        self,
        rules: str,
        links: dict[str, tuple[str, list[str]]] | None = None,
        wall: float = 0.0,
        marked: dict[int, str] | None = None,
    ) -> None:
        """marked: packet mark → the zone that it is routed to (`ip rule fwmark`)."""
        self.links = LINKS if links is None else links
        self._marked = {} if marked is None else marked
        self.now = 1000.0
        self.left_mark = 0
        policy = compile_policy(load_text(rules, "rules.yaml"), gmtime)
        self.zones = {zone.name: int(zone.number) for zone in policy.zones}
        self.topology = topology_of(self.links, self.zones)
        self.engine = Engine(policy, self.topology, Random(1))
        self.engine.set_wall(wall - self.now)
        self.tunnel = Tunnel()
        self.engine.lead_out(self.tunnel)
        self.pieces: list[bytes] = []  # all that the last packet was translated to by NAT64: fragments
        self._index = {zone: index for index, zone in enumerate(self.links, start=1)}
        self._held: list[tuple[str, bytes]] = []

    def released(self) -> list[str]:
        """What comes of the packets whose time is up, in the order they came."""
        found: list[str] = []
        while self._held:
            zone, raw = self._held[0]
            verdict, _, mark = self.engine.held(raw, self._index[zone], self.now)
            if verdict == HOLD:
                break
            self._held.pop(0)
            found.append("drop" if verdict == DROP else "reject " + ANSWERS[(mark & REJECT_MASK) >> 28])
        return found

    def forget(self, policy: Policy | None = None) -> None:
        """Begins anew, as if nothing had ever happened; under other rules if they are given."""
        self.now = 1000.0
        self.engine = Engine(policy or self.engine.policy, self.topology, Random(1))
        self.tunnel = Tunnel()
        self.engine.lead_out(self.tunnel)
        self._held = []

    def wait(self, seconds: float) -> None:
        """Lets time pass, and what is due end."""
        self.now += seconds
        self.engine.expire(self.now, 1_000_000)

    def reload(self, rules: str) -> None:
        """Puts other rules in force."""
        self.engine.swap(compile_policy(load_text(rules, "rules.yaml"), gmtime))

    def topology_now(self) -> Topology:
        """The same links with the zones of the rules in force, as the daemon hands them over after a reload."""
        self.zones = {zone.name: int(zone.number) for zone in self.engine.policy.zones}
        self.topology = topology_of(self.links, self.zones)
        return self.topology

    def arrive(self, zone: str, line: str) -> str:
        """A packet comes in from a zone."""
        return self.arrive_raw(zone, packet(line))

    def arrive_raw(self, zone: str, raw: bytes) -> str:
        """The same, from bytes."""
        fate, raw = self.cross(zone, raw)
        return f"{fate} {describe(raw)}" if raw else fate

    def cross(self, zone: str, raw: bytes, mark: int = 0, verify: bool = True) -> tuple[str, bytes]:
        """Where a packet from a zone or "self" ends up and as what: (zone or "self", bytes), (why it does not, b"").

        mark: that it comes with; that it leaves with is in `left_mark`. verify: judge its transport checksum.
        """
        if zone == "self":
            return self._sent(raw)
        inbound = self._index[zone]
        self.pieces = []
        if self._for_us(destination(raw)) or self._pooled(destination(raw)):
            verdict, new, mark = self.engine.packet(raw, PREROUTING, inbound, 0, mark, self.now, verify)
            raw = raw if new is None else new
            if verdict == HOLD:
                self._held.append((zone, raw))
                return "held", b""
            if self.tunnel.waiting:
                return self._tunnelled()
            if verdict == DROP or mark & REJECT_MASK:
                return self._stopped(verdict, mark), b""
        if self._for_us(destination(raw)) and mark & USER_MASK not in self._marked:
            return "self", raw
        outbound = self._way(raw, mark)
        if not mark & DONE or mark & HALF:
            verdict, new, mark = self.engine.packet(raw, FORWARD, inbound, outbound, mark, self.now, verify)
            raw = raw if new is None else new
            if self.tunnel.waiting:
                return self._tunnelled()
            if verdict == DROP or mark & REJECT_MASK:
                return self._stopped(verdict, mark), b""
        self.left_mark = mark
        return self._leaves(outbound, raw)

    def send(self, line: str) -> str:
        """The gateway itself sends a packet."""
        fate, raw = self.cross("self", packet(line))
        return f"{fate} {describe(raw)}" if raw else fate

    def _sent(self, raw: bytes) -> tuple[str, bytes]:
        """Where a packet of the gateway itself ends up, and as what; the queue never has its checksum judged."""
        outbound = int(self.topology.route(destination(raw)))
        verdict, new, mark = self.engine.packet(raw, OUTPUT, 0, outbound, 0, self.now, False)
        if self.tunnel.waiting:
            return self._tunnelled()
        if verdict == DROP or mark & REJECT_MASK:
            return self._stopped(verdict, mark), b""
        raw = raw if new is None else new
        return self._leaves(self._way(raw, mark), raw)

    def _way(self, raw: bytes, mark: int) -> int:
        """The interface it leaves by: as the table of its mark says, else as the main one does."""
        zone = self._marked.get(mark & USER_MASK)
        return int(self.topology.route(destination(raw))) if zone is None else self._index[zone]

    def _tunnelled(self) -> tuple[str, bytes]:
        """What came in by the engine's own link is routed; IPv4 is queued for its source. Of fragments, the first."""
        fates = [self._routed(raw) for raw in self.tunnel.take()]
        self.pieces = [raw for _, raw in fates if raw]
        return fates[0]

    def _routed(self, raw: bytes) -> tuple[str, bytes]:
        outbound = int(self.topology.route(destination(raw)))
        if raw[0] >> 4 == 4:
            verdict, new, mark = self.engine.packet(raw, FORWARD, TUNNEL, outbound, HALF, self.now)
            if verdict == DROP:
                return self._stopped(verdict, mark), b""
            raw = raw if new is None else new
        return self._leaves(outbound, raw)

    def _pooled(self, target: bytes) -> bool:
        """Whether rules of ours would queue it before routing though it is not for the gateway (gateway/hooks)."""
        for rule in self.engine.policy.nat_rules:
            if rule.kind == REDIRECT or (rule.kind == SOURCE_NAT and target in rule.addresses):
                return True
            if len(rule.last) == len(target) and rule.addresses[0] <= target <= rule.last:
                return True
        return False

    def _for_us(self, target: bytes) -> bool:
        return self.topology.is_local(target) or self.topology.is_group(target)

    def _stopped(self, verdict: int, mark: int) -> str:
        if verdict == DROP:
            return "drop " + reason.name(int(self.engine.trace.reason))
        return "reject " + ANSWERS[(mark & REJECT_MASK) >> 28]

    def _leaves(self, outbound: int, raw: bytes) -> tuple[str, bytes]:
        for zone, index in self._index.items():
            if index == outbound:
                return zone, raw
        return "drop no-route", b""


def destination(raw: bytes) -> bytes:
    """The destination address of an IP packet."""
    return raw[16:20] if raw[0] >> 4 == 4 else raw[24:40]
