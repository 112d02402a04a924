"""Where a sequence of packets crosses the router: who is the client, and what is translated on the way.

Lives here: addresses. May not live here: packets, or how either side is told what to translate (translations.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from socket import AF_INET, AF_INET6, inet_pton


def address(text: str) -> bytes:
    """A packed address."""
    return inet_pton(AF_INET6 if ":" in text else AF_INET, text)


#: an address and port (0: the protocol has none) that a packet came from
Seen = tuple[bytes, int]
WAN = {4: "198.51.100.7", 6: "2001:db8::7"}
GATEWAY = {4: "192.168.1.1", 6: "fd00::1"}
OUTSIDE = {4: "198.51.100.1", 6: "2001:db8::1"}
SECOND = {4: "198.51.100.2", 6: "2001:db8::2"}
#: hosts behind a masquerade of four ports, and one behind the plain masquerade (crowds.py)
CRAMPED = {4: ("192.168.1.10", "192.168.1.11"), 6: ("fd00::a", "fd00::b")}
BROTHER = {4: "192.168.1.12", 6: "fd00::c"}
POOL = {4: tuple(f"198.51.100.{last}" for last in range(20, 24)), 6: tuple(f"2001:db8::5{last}" for last in range(4))}
ANY = frozenset(("tcp", "sctp", "others", "udp", "alone"))
PORTED = frozenset(("tcp", "sctp", "udp"))


@dataclass(frozen=True)
class Scene:
    """Two hosts, called lan and wan, and what each is to the other. Addresses by IP version."""

    name: str
    client: str  # "lan" or "wan": whose port is another one for every sequence
    inside: dict[int, str]  # the lan host's own address
    outside: dict[int, str]  # what the wan host knows it by; of a pool any address
    served: tuple[int, int] = (443, 443)  # the server's port: its own, and as the client knows it
    protocols: frozenset[str] = ANY
    far: dict[int, str] = field(default_factory=lambda: WAN)  # the wan host's own address
    asked: dict[int, str] = field(default_factory=lambda: WAN)  # what the lan host knows it by
    wires: tuple[str, str] = ("lan", "wan")  # where the two are: behind these interfaces, or "self", the gateway
    pool: dict[int, tuple[str, ...]] = field(default_factory=dict)  # addresses that the client may be known by
    ports: tuple[int, int] = (0, 0)  # ports that it may be known by; 0: it keeps its own

    def ends(self, name: str, version: int, port: int, seen: Seen | None) -> tuple[bytes, bytes, tuple[int, int]]:
        """Source, destination and ports of what a host sends, the client's port being `port`.

        seen: what the server has seen of the client; None: nothing yet.
        """
        own, known = self.served
        inside, outside = address(self.inside[version]), address(self.outside[version])
        far, asked = address(self.far[version]), address(self.asked[version])
        if name == self.client:
            return (inside, asked, (port, known)) if name == "lan" else (far, outside, (port, known))
        client = outside if name == "wan" else far
        to, back = seen or (client, port)
        return (far if name == "wan" else inside), to, (own, back or port)

    def wire(self, name: str) -> str:
        """Where the host of this name is."""
        return self.wires[name == "wan"]

    def fits(self, version: int, seen: Seen, port: int, taken: bool) -> bool:
        """Whether the client may be known by this address and port (0: its protocol has none), its own being `port`.

        taken: the kernel could not let it keep that.
        """
        low, high = self.ports
        if self.pool and seen[0] not in [address(text) for text in self.pool[version]]:
            return False
        if seen[1] == 0:
            return True
        if taken and not high:
            low, high = 1024, 65535
        return low <= seen[1] <= high and (seen[1] != port or bool(self.ports[1])) if high else seen[1] == port


#: beside each end another host, from which an ICMP error may come
BESIDE = {("lan", 4): "192.168.1.9", ("lan", 6): "fd00::9", ("wan", 4): "198.51.100.9", ("wan", 6): "2001:db8::9"}


def inside(last: int) -> dict[int, str]:
    """A lan host's own addresses."""
    return {4: f"192.168.1.{last}", 6: f"fd00::{last:x}"}


SCENES = (
    Scene("plain", "lan", inside(2), inside(2)),
    Scene("masquerade", "lan", inside(3), OUTSIDE),
    Scene("forward", "wan", inside(4), OUTSIDE, (443, 8443), frozenset(("tcp", "sctp"))),
    Scene("forward-range", "wan", inside(4), OUTSIDE, (7003, 9003), frozenset(("tcp", "udp"))),
    Scene("one-to-one", "wan", inside(5), SECOND),
    Scene("one-to-one-out", "lan", inside(5), SECOND),
    Scene("netmap", "wan", inside(37), {4: "198.51.100.37", 6: "2001:db8::25"}),
    Scene("netmap-out", "lan", inside(38), {4: "198.51.100.38", 6: "2001:db8::26"}),
    Scene("pool", "lan", inside(8), {4: POOL[4][0], 6: POOL[6][0]}, pool=POOL),
    Scene("few-ports", "lan", inside(9), OUTSIDE, protocols=PORTED, ports=(61000, 61999)),
    Scene("hairpin", "lan", inside(6), OUTSIDE, (443, 8443), frozenset(("tcp", "sctp")),
          inside(4), OUTSIDE, ("lan", "lan")),
    Scene("hairpin-one-to-one", "lan", inside(6), SECOND, far=inside(5), asked=SECOND, wires=("lan", "lan")),
    Scene("redirect", "lan", inside(7), inside(7), (3128, 8080), frozenset(("tcp", "udp")),
          GATEWAY, wires=("lan", "self")),
    Scene("to-gateway", "lan", inside(2), inside(2), far=GATEWAY, asked=GATEWAY, wires=("lan", "self")),
    Scene("from-gateway", "lan", OUTSIDE, OUTSIDE, wires=("self", "wan")),
)  # fmt: skip
