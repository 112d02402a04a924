"""Where a sequence of packets crosses the router: who is the client, and what is translated on the way.

Lives here: addresses. May not live here: packets, or how either side is told what to translate (translations.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_pton


def address(text: str) -> bytes:
    """A packed address."""
    return inet_pton(AF_INET6 if ":" in text else AF_INET, text)


@dataclass(frozen=True)
class Scene:
    """Addresses by IP version. `inside` is the lan host's own, `outside` what the wan host knows it by."""

    name: str
    client: str  # "lan" or "wan": whose port is another one for every sequence
    inside: dict[int, str]
    outside: dict[int, str]
    served: tuple[int, int] = (443, 443)  # the server's port: its own, and as the client knows it
    protocols: frozenset[str] = frozenset(("tcp", "sctp", "others"))

    def ends(self, name: str, version: int, port: int) -> tuple[bytes, bytes, tuple[int, int]]:
        """Source, destination and ports of what the host on this side sends, the client's port being `port`."""
        wan = address(WAN[version])
        own, known = self.served
        ports = (port, known) if name == self.client else (own, port)
        if name == "lan":
            return address(self.inside[version]), wan, ports
        return wan, address(self.outside[version]), ports


WAN = {4: "198.51.100.7", 6: "2001:db8::7"}
#: beside each end another host, from which an ICMP error may come
BESIDE = {("lan", 4): "192.168.1.9", ("lan", 6): "fd00::9", ("wan", 4): "198.51.100.9", ("wan", 6): "2001:db8::9"}

SCENES = (
    Scene("plain", "lan", {4: "192.168.1.2", 6: "fd00::2"}, {4: "192.168.1.2", 6: "fd00::2"}),
    Scene("masquerade", "lan", {4: "192.168.1.3", 6: "fd00::3"}, {4: "198.51.100.1", 6: "2001:db8::1"}),
    Scene("forward", "wan", {4: "192.168.1.4", 6: "fd00::4"}, {4: "198.51.100.1", 6: "2001:db8::1"}, (443, 8443),
          frozenset(("tcp", "sctp"))),
    Scene("one-to-one", "wan", {4: "192.168.1.5", 6: "fd00::5"}, {4: "198.51.100.2", 6: "2001:db8::2"}),
    Scene("one-to-one-out", "lan", {4: "192.168.1.5", 6: "fd00::5"}, {4: "198.51.100.2", 6: "2001:db8::2"}),
)  # fmt: skip
