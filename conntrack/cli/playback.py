"""The gateway that a capture is played through: the engine, between interfaces that the zones' networks stand for.

Lives here: where a captured packet comes from and goes to, and the hooks it passes. May not live here: files
(capture/), printing (replay.py).

A capture does not say which interface a packet came by, nor which addresses are the gateway's. So a packet's zone is
the one whose networks hold its source, else the zone without networks; and an address is the gateway's if it was named,
or if a host of its own zone speaks to it first, for what two hosts of one zone say to each other does not cross a
gateway (unless the rules name that very pair: then it is taken to be forwarded).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from random import Random
from typing import Final, NamedTuple

from conntrack.engine.core import Engine
from conntrack.engine.exit import Exit
from conntrack.engine.topology import Interface, Topology
from conntrack.engine.verdict import DONE, DROP, FORWARD, HALF, OUTPUT, PREROUTING, REJECT_MASK
from conntrack.policy.nat_rule import ONE_TO_ONE, REDIRECT, SOURCE_NAT
from conntrack.policy.policy import Policy
from conntrack.policy.runtime import NO_ZONE
from conntrack.policy.zones import Zone, elsewhere, of_address

#: the engine's clock when the capture begins; far from 0, so that nothing is due before it
EPOCH: Final = 1000.0
#: so many addresses are taken for the gateway's at most
MOST_ADDRESSES: Final = 1024

Addresses = dict[int, list[bytes]]


class Outcome(NamedTuple):
    """What became of a packet: as it left (or would have left), and whether it passed."""

    raw: bytes
    passed: bool


class Crossed(Exit):
    """Takes what NAT64 makes."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    def send(self, raw: bytes) -> bool:
        """See Exit."""
        self.packets.append(raw)
        return True


class Playback:
    """One run. `own` has the gateway's addresses by zone number."""

    def __init__(self, policy: Policy, own: Addresses, begins: float) -> None:
        self._zones = policy.zones
        self._topology = topology(policy.zones, own)
        self.engine = Engine(policy, self._topology, Random(0))
        self.engine.set_wall(begins - EPOCH)
        self._crossed = Crossed()
        self.engine.lead_out(self._crossed)
        self._begins = begins
        self._now = EPOCH
        pools = (rule.addresses for rule in policy.nat_rules if rule.kind == SOURCE_NAT)
        self._pool = {address for addresses in pools for address in addresses}
        self._networks = [(rule.addresses[0], rule.last) for rule in policy.nat_rules if rule.kind == ONE_TO_ONE]
        self._redirects = any(rule.kind == REDIRECT for rule in policy.nat_rules)

    def play(self, raw: bytes, time: float, verify: bool) -> Outcome:
        """Judges one IP packet at a time of the capture's clock, which may stand but not go back."""
        self._now = max(self._now, time - self._begins + EPOCH)
        while self.engine.expire(self._now, 10_000):
            pass
        source, destination = ends(raw)
        if self._topology.is_local(source):
            return self._leave(raw, destination, verify)
        inbound = of_address(self._zones, source)
        return self._cross(raw, destination, max(inbound, 0), verify)

    def _leave(self, raw: bytes, destination: bytes, verify: bool) -> Outcome:
        """The gateway's own packet."""
        return self._judge(raw, OUTPUT, 0, int(self._topology.route(destination)), 0, verify)[0]

    def _cross(self, raw: bytes, destination: bytes, inbound: int, verify: bool) -> Outcome:
        """A packet from outside: the hooks before routing and after it, as the host's rules queue it there."""
        mark = 0
        if self._for_us(destination) or self._redirects or self._pooled(destination):
            outcome, mark = self._judge(raw, PREROUTING, inbound, 0, 0, verify)
            raw = outcome.raw
            destination = ends(raw)[1]
            if not outcome.passed or self._for_us(destination) or mark & (DONE | HALF) == DONE:
                return outcome
        outbound = int(self._topology.route(destination))
        return self._judge(raw, FORWARD, inbound, outbound, mark, verify)[0]

    def _pooled(self, destination: bytes) -> bool:
        """Whether it is an outside address of source NAT or one-to-one, which need not be the gateway's own."""
        size = len(destination)
        return destination in self._pool or any(
            len(low) == size and low <= destination <= high for low, high in self._networks
        )

    def _for_us(self, destination: bytes) -> bool:
        return self._topology.is_local(destination) or self._topology.is_group(destination)

    def _judge(
        self, raw: bytes, hook: int, inbound: int, outbound: int, mark: int, verify: bool
    ) -> tuple[Outcome, int]:
        verdict, new, mark = self.engine.packet(raw, hook, inbound, outbound, mark, self._now, verify)
        if self._crossed.packets:
            return Outcome(self._across(), True), DONE
        passed = verdict != DROP and not mark & REJECT_MASK
        return Outcome(raw if new is None else new, passed), mark

    def _across(self) -> bytes:
        """What NAT64 made of the packet: of fragments the first; IPv4 once it is routed and has its source."""
        made, self._crossed.packets = self._crossed.packets[0], []
        if made[0] >> 4 == 6:
            return made
        trace = self.engine.trace
        rule, begun = trace.rule, trace.new
        outbound = int(self._topology.route(ends(made)[1]))
        new = self.engine.packet(made, FORWARD, 0, outbound, HALF, self._now)[1]
        trace.rule, trace.new = rule, begun
        return made if new is None else new


class Finder:
    """Finds the gateway's addresses in a capture, packet by packet."""

    def __init__(self, zones: Sequence[Zone], named: Addresses, forwarded: Iterable[int] = ()) -> None:
        """named: known addresses, whose zones are not searched; forwarded: zones with rules between their hosts."""
        self.own: Addresses = {zone: list(addresses) for zone, addresses in named.items()}
        self._zones = zones
        self._settled = {*named, *forwarded, NO_ZONE}
        self._found: set[bytes] = set()
        self._hosts: set[bytes] = set()

    def see(self, raw: bytes) -> None:
        """Looks at the next packet."""
        source, destination = ends(raw)
        zone = of_address(self._zones, source)
        if zone in self._settled or zone != of_address(self._zones, destination):
            return
        if source in self._found or destination in self._found or destination in self._hosts:
            return
        self._hosts.add(source)
        if not self._is_group(destination, zone) and len(self._found) < MOST_ADDRESSES:
            self._found.add(destination)
            self.own.setdefault(zone, []).append(destination)

    def _is_group(self, address: bytes, zone: int) -> bool:
        if address[0] == 0xFF if len(address) == 16 else address[0] >= 0xE0:
            return True
        return any(span.high == address for span in self._zones[zone].networks if len(address) == 4)


def topology(zones: Sequence[Zone], own: Addresses) -> Topology:
    """One interface a zone, numbered like it, with routes to its networks; the rest is beyond the zone without any."""
    made = Topology()
    for zone in zones[1:]:
        number = int(zone.number)
        interface = Interface(number, zone.name, number)
        interface.addresses = [*own.get(number, [])]
        known = {len(address) for address in interface.addresses}
        interface.sources = [*interface.addresses, *(stand_in(number, size) for size in (4, 16) if size not in known)]
        interface.addresses = [*interface.sources]
        for span in zone.networks:
            for network, length in prefixes(span.low, span.high):
                made.add_route(network, length, number)
            if len(span.high) == 4 and span.low != span.high:
                interface.broadcasts.add(span.high)
        made.add_interface(interface)
    beyond = elsewhere(zones)
    if beyond != NO_ZONE:
        made.add_route(bytes(4), 0, beyond)
        made.add_route(bytes(16), 0, beyond)
    return made


def stand_in(zone: int, size: int) -> bytes:
    """A documentation address (RFC 5737, RFC 3849) for a zone whose own is not known, so that masquerade has one."""
    if size == 4:
        return bytes((192, 0, 2, zone & 0xFF))
    return bytes.fromhex("20010db8") + bytes(10) + zone.to_bytes(2, "big")


def prefixes(low: bytes, high: bytes) -> list[tuple[bytes, int]]:
    """A range of addresses as networks: (first address, prefix length)."""
    first, last = ipaddress.ip_address(low), ipaddress.ip_address(high)
    networks = ipaddress.summarize_address_range(first, last)
    return [(network.network_address.packed, network.prefixlen) for network in networks]


def ends(raw: bytes) -> tuple[bytes, bytes]:
    """Source and destination address of an IP packet of at least 20 bytes; zeros stand for what is cut off."""
    if raw[0] >> 4 == 4:
        return raw[12:16], raw[16:20]
    raw = raw.ljust(40, b"\0")
    return raw[8:24], raw[24:40]
