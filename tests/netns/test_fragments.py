"""Fragments made by hand, through translation in both directions: the kernel puts them together before we see them.

Whatever the order of the pieces, one whole datagram is judged and leaves (in pieces again where it is too large). Pieces
that overlap are never put together (RFC 5722 for IPv6; Linux does so for IPv4 as well, which is shown without a gateway).
"""

from __future__ import annotations

import contextlib
import socket
import zlib
from collections.abc import Iterator

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Packet, Raw

from conntrack.cli.lab import probes, servers
from conntrack.cli.lab.namespace import Namespace
from conntrack.cli.lab.network import (
    CLIENT4,
    CLIENT6,
    FAR4,
    FAR6,
    OUTSIDE4,
    OUTSIDE6,
    SERVER4,
    SERVER6,
    SHOP4,
    SHOP6,
    Network,
)
from tests.netns.conftest import BASE, Start
from tests.netns.talk import pattern

#: how packets reach the daemon does not change what the kernel does before
ONE_BACKEND = pytest.mark.parametrize("backend", ["netlink"], indirect=True)

PORT = 9000
RULES = (
    BASE
    + f"""\
nat:
  - {{masquerade: wan, from: [lan], family: both}}
  - {{name: echo, forward: udp/{PORT}, at: wan, to: {SHOP4}}}
  - {{name: echo6, forward: udp/{PORT}, at: wan, to: "{SHOP6}"}}
policy:
  lan -> wan: accept
  wan -> self: {{accept: ping}}
  self -> wan: accept
"""
)
#: (offset, end) of each piece of a datagram of 3008 bytes (UDP header included), in the order in which they are sent
WHOLE = {
    "in order": [(0, 1200), (1200, 2400), (2400, 3008)],
    "reversed": [(2400, 3008), (1200, 2400), (0, 1200)],
    "the first one last": [(1200, 2400), (2400, 3008), (0, 1200)],
    # what adds nothing is ignored, as if it had come twice; what came first stays
    "one of them twice": [(0, 1200), (1200, 2400), (1200, 2400), (2400, 3008)],
    "one inside another": [(0, 1400), (400, 800), (1400, 2400), (2400, 3008)],
    "a tiny first one": [(0, 8), (8, 1200), (1200, 2400), (2400, 3008)],
    "many tiny ones": [(at, min(at + 200, 3008)) for at in range(0, 3008, 200)],
}
OVERLAPPING = {
    "over the one before": [(0, 1200), (1192, 2400), (2400, 3008)],
    "under the one after": [(0, 1200), (2400, 3008), (1200, 2408)],
    "around another": [(8, 16), (0, 1200), (1200, 2400), (2400, 3008)],
}
SIZE = 3000


class Listener:
    """Takes in datagrams and answers each with its size and checksum; remembers them."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def answer(self, data: bytes, peer: tuple[str, int]) -> bytes:
        self.heard.append(data[:8])
        return digest(data)


def digest(data: bytes) -> bytes:
    return f"{len(data)} {zlib.crc32(data)}".encode().ljust(SIZE, b".")


class Sender:
    """Sends datagrams in pieces from one host to an address, and receives the answers as any program would."""

    def __init__(self, host: Namespace, source: str, target: str, port: int = 6000) -> None:
        self.source, self.target, self.port = source, target, port
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        self._raw = host.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._answers = host.socket(family, socket.SOCK_DGRAM, timeout=5)
        self._answers.bind((source, port))
        self._identity = 100

    def send(self, marker: str, pieces: list[tuple[int, int]]) -> bytes:
        """A datagram whose payload begins with the marker; returns the payload."""
        self._identity += 1
        payload = marker.encode().ljust(8, b"_")[:8] + pattern(SIZE - 8)
        whole = bytes(self._around(UDP(sport=self.port, dport=PORT) / Raw(payload)))[self._header() :]
        whole += bytes(8)  # for the piece that runs past the end
        for number, (at, end) in enumerate(pieces):
            more = end < 8 + SIZE
            again = any(low <= at and end <= high for low, high in pieces[:number])
            data = bytes(end - at) if again else whole[at:end]  # what comes again would spoil the datagram
            self._raw.sendto(bytes(self._piece(data, at, more)), (self.target, 0))
        return payload

    def answer(self) -> bytes:
        return self._answers.recv(65535)

    def close(self) -> None:
        self._raw.close()
        self._answers.close()

    def _around(self, layer: Packet) -> Packet:
        if ":" in self.target:
            return IPv6(src=self.source, dst=self.target) / layer
        return IP(src=self.source, dst=self.target) / layer

    def _header(self) -> int:
        return 40 if ":" in self.target else 20

    def _piece(self, data: bytes, at: int, more: bool) -> Packet:
        if ":" in self.target:
            header = IPv6ExtHdrFragment(nh=17, offset=at // 8, m=int(more), id=self._identity)
            return IPv6(src=self.source, dst=self.target) / header / Raw(data)
        flags = "MF" if more else 0
        head = IP(src=self.source, dst=self.target, proto=17, id=self._identity, flags=flags, frag=at // 8)
        return head / Raw(data)


@contextlib.contextmanager
def sending(host: Namespace, source: str, target: str) -> Iterator[Sender]:
    sender = Sender(host, source, target)
    try:
        yield sender
    finally:
        sender.close()


def exchange(sender: Sender, listener: Listener) -> None:
    """All that is whole is answered, with its content; of what overlaps nothing arrives."""
    for number, pieces in enumerate(WHOLE.values()):
        payload = sender.send(f"good{number}", pieces)
        assert sender.answer() == digest(payload), list(WHOLE)[number]
    for number, pieces in enumerate(OVERLAPPING.values()):
        sender.send(f"bad{number}", pieces)
    payload = sender.send("end", WHOLE["in order"])
    assert sender.answer() == digest(payload)  # sent after them, so nothing of them is still on its way
    assert [heard for heard in listener.heard if heard.startswith(b"bad")] == []


@ONE_BACKEND
@pytest.mark.parametrize(
    ("source", "target", "seen"), [(CLIENT4, FAR4, OUTSIDE4), (CLIENT6, FAR6, OUTSIDE6)], ids=["ipv4", "ipv6"]
)
def test_out_by_masquerade_and_in_by_a_forward(net: Network, start: Start, source: str, target: str, seen: str) -> None:
    start(RULES)
    for host, near, far, listening in (
        (net.client, source, target, net.far),
        (net.server, SERVER6 if ":" in seen else SERVER4, seen, net.shop),
    ):
        listener = Listener()
        with servers.udp(listening, "::", PORT, listener.answer), sending(host, near, far) as sender:
            exchange(sender, listener)


@pytest.mark.parametrize(("source", "target"), [("203.0.113.1", FAR4), ("2001:db8:113::1", FAR6)], ids=["ipv4", "ipv6"])
def test_the_same_pieces_without_a_gateway(net: Network, source: str, target: str) -> None:
    """What the kernel of a plain host makes of them: the same."""
    listener = Listener()
    with servers.udp(net.far, "::", PORT, listener.answer), sending(net.server, source, target) as sender:
        exchange(sender, listener)


@ONE_BACKEND
def test_pings_of_many_fragments_either_way(net: Network, start: Start) -> None:
    start(RULES)
    for host, address in ((net.client, FAR4), (net.client, FAR6), (net.server, OUTSIDE4), (net.server, OUTSIDE6)):
        assert probes.ping(host, address, 4000) == "answered"


@ONE_BACKEND
def test_an_error_about_a_fragment_finds_its_sender(net: Network, start: Start) -> None:
    """The router behind us quotes the first piece that it may not forward; the client sees its own packet in it."""
    start(RULES)
    with (
        net.client.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as errors,
        net.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
    ):
        probe.bind((CLIENT4, 6000))
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 2)
        probe.sendto(bytes(SIZE), (FAR4, 33434))
        told = IP(errors.recv(65535))
    assert (told.src, told[ICMP].type) == (SERVER4, 11)
    quoted = told["IPerror"]
    assert (quoted.src, quoted.dst, int(quoted.frag), str(quoted.flags)) == (CLIENT4, FAR4, 0, "MF")
    assert quoted["UDPerror"].sport == 6000
