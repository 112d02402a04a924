"""What a compiled policy translates by while packets run: an entry of `nat:`, and its port blocks.

Lives here: what nat/ and the engine read of an entry, and its counters. May not live here: YAML and files
(compile_nat.py), ports and addresses chosen for a connection (nat/).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.policy.runtime import NO_ZONE, Rule

# NatRule.kind
MASQUERADE: Final = 1
SOURCE_NAT: Final = 2
FORWARD: Final = 3
REDIRECT: Final = 4
ONE_TO_ONE: Final = 5
EXEMPT: Final = 6
NAT64: Final = 7

# NatRule.manner bits, of endpoint-independent mappings
EXCLUSIVE: Final = 1  # a port is one inside endpoint's alone
PARITY: Final = 2  # even stays even, odd stays odd
CONTIGUITY: Final = 4  # the neighbours N and N+1 (N even) stay neighbours


class BlockPlan:
    """`port-blocks:` of a source NAT rule: its subscribers' shares of the outside ports (RFC 6888, RFC 7422)."""

    def __init__(self, name: str, size: int, low: int, high: int) -> None:
        self.key = name.encode() + b"\0"  # tells the subscribers of one rule from those of another
        self.size: i64 = size  # ports of a block
        self.low: i64 = low  # all blocks lie from here
        self.high: i64 = high  # to here
        self.most: i64 = 1  # blocks of one subscriber
        self.sessions: i64 = 0  # connections of one subscriber; 0: no limit
        self.prefixes: tuple[int, int] = (32, 64)  # how long an IPv4 and an IPv6 subscriber's prefix is
        self.log = True
        # deterministic: the first and last address of the networks whose subscribers have their blocks by computation
        self.inside: list[tuple[int, int]] = []

    def count(self) -> i64:
        """Blocks of one outside address."""
        return (self.high - self.low + 1) // self.size

    def prefix(self, source: bytes) -> bytes:
        """The subscriber of an address: its prefix, with zeros behind."""
        length = self.prefixes[0] if len(source) == 4 else self.prefixes[1]
        free = 8 * len(source) - length
        return source if free == 0 else (int.from_bytes(source, "big") >> free << free).to_bytes(len(source), "big")


class NatRule:
    """One entry of `nat:`. Which fields are set depends on kind; unset ones are empty or 0."""

    def __init__(self, number: int, name: str, kind: int, file: str, line: int) -> None:
        self.number: i64 = number  # place in Policy.nat_rules
        self.name = name
        self.kind: i64 = kind
        self.file = file
        self.line = line
        self.zone: i64 = NO_ZONE  # masquerade, source-nat: the zone it leaves by; forward, one-to-one, nat64: `at`
        self.inside: i64 = NO_ZONE  # forward, one-to-one: the zone of the inside address; NO_ZONE: as its route says
        self.addresses: list[bytes] = []  # source-nat: the pool; forward: targets; one-to-one: first [outside, inside]
        self._pools: tuple[list[bytes], ...] = ([], [])  # source-nat: the IPv4 and the IPv6 addresses
        self.prefix: i64 = 0  # nat64: length of the prefix, which is addresses[0]
        self.last: bytes = b""  # one-to-one: the last outside address
        self.neutral: i64 = 0  # one-to-one: length of the prefixes that are exchanged checksum-neutrally (RFC 6296)
        self.port_low: i64 = 0  # source-nat, masquerade: `ports:` range; forward, redirect: first target port; 0: keep
        self.port_high: i64 = 0
        self.first_port: i64 = 0  # forward, redirect of a range: the first outside port, for the offset
        self.endpoint_independent = False
        self.manner: i64 = 0  # how ports are chosen: EXCLUSIVE and more where mappings are endpoint-independent
        self.inbound_refresh = True  # packets from outside keep what it translates alive, too
        self.blocks: BlockPlan | None = None  # source-nat, masquerade: ports are given out in blocks
        self.hits: i64 = 0
        self.failures: i64 = 0  # exhausted, clash, no address
        # the implicit accept, with its log and mark: of forward, redirect, one-to-one, and of what is let in by the
        # mappings of a masquerade or source-nat with endpoint-independent filtering
        self.rule: Rule | None = None

    def pool(self, size: int) -> list[bytes]:
        """The outside addresses that have so many bytes."""
        return self._pools[0] if size == 4 else self._pools[1]

    def set_pool(self, addresses: list[bytes]) -> None:
        """Sets the outside addresses of a source-nat."""
        self.addresses = addresses
        self._pools = tuple([one for one in addresses if len(one) == size] for size in (4, 16))

    def target_port(self, port: i64) -> i64:
        """Where a forward or redirect sends an outside port: to the same, to one port, or to its place in a range."""
        if self.port_low == 0:
            return port
        return self.port_low + port - self.first_port if self.port_high > self.port_low else self.port_low

    def why(self) -> str:
        """The one sentence that logs, metrics, `flows` and `explain` all print."""
        return f"{self.name} ({self.file}:{self.line})"
