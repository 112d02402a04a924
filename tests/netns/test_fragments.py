"""Fragments made by hand, through translation in both directions: the kernel puts them together before we see them.

Whatever the order of the pieces, one whole datagram is judged and leaves (in pieces again where it is too large).
Pieces that overlap are never put together (RFC 5722 for IPv6; Linux does so for IPv4 as well, which is shown without a
gateway).
"""

from __future__ import annotations

import contextlib
import socket
import zlib
from collections.abc import Iterator

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment

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
from tests.fragments import OVERLAPPING, SIZE, WHOLE, Pieces, cut
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
        self._ends = (source, target, port, PORT)
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        self._raw = host.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._answers = host.socket(family, socket.SOCK_DGRAM, timeout=5)
        self._answers.bind((source, port))
        self._identity = 100

    def send(self, marker: str, pieces: Pieces) -> bytes:
        """A datagram whose payload begins with the marker; returns the payload."""
        self._identity += 1
        payload = marker.encode().ljust(8, b"_")[:8] + pattern(SIZE - 8)
        for raw in cut(*self._ends, payload, pieces, self._identity):
            self._raw.sendto(raw, (self._ends[1], 0))
        return payload

    def answer(self) -> bytes:
        return self._answers.recv(65535)

    def close(self) -> None:
        self._raw.close()
        self._answers.close()


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
def test_pings_and_datagrams_of_many_fragments_either_way(net: Network, start: Start) -> None:
    start(RULES)
    for host, address in ((net.client, FAR4), (net.client, FAR6), (net.server, OUTSIDE4), (net.server, OUTSIDE6)):
        assert probes.ping(host, address, 4000) == "answered"
    with servers.udp(net.shop, "::", PORT), servers.udp(net.far, "::", PORT):
        assert probes.udp(net.server, OUTSIDE4, PORT, bytes(9000)).startswith(f"shop sees {SERVER4} ")
        assert probes.udp(net.client, FAR4, PORT, bytes(9000)).startswith(f"far sees {OUTSIDE4} ")


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


@ONE_BACKEND
def test_an_error_about_a_fragment_finds_its_sender_over_ipv6(net: Network, start: Start) -> None:
    start(RULES)
    with (
        net.client.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as errors,
        net.client.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe,
    ):
        probe.bind((CLIENT6, 6000))
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 2)
        probe.sendto(bytes(SIZE), (FAR6, 33434))
        data, sender = errors.recvfrom(65535)
        while data[0] != 3:  # neighbours speak there as well
            data, sender = errors.recvfrom(65535)
    assert sender[0] == SERVER6
    quoted = IPv6(data[8:])
    assert (quoted.src, quoted.dst) == (CLIENT6, FAR6)
    piece = quoted[IPv6ExtHdrFragment]
    assert (piece.offset, piece.m) == (0, 1)
    assert int.from_bytes(bytes(piece.payload)[:2], "big") == 6000
