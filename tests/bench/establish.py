"""Plays both ends of connections through the gateway with raw frames, until they are established.

Lives here: the TCP handshake and the UDP exchange, from a phantom client to a phantom server. May not live here: what
the gateway does with them, and the flood that follows.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from tests.bench import frames
from tests.bench.figure import BenchError
from tests.bench.frames import Ends
from tests.bench.network import (
    CLIENT_MAC,
    INSIDE_MAC,
    OUTSIDE,
    OUTSIDE_MAC,
    PHANTOM_CLIENT,
    PHANTOM_SERVER,
    SERVER_MAC,
    Network,
)

CLIENT_SEQ: Final = 1_000_000
SERVER_SEQ: Final = 5_000_000
#: 64 bytes of IP packet: what is left behind IPv4 and TCP, IPv4 and UDP headers
_TCP_PAYLOAD: Final = bytes(24)
_UDP_PAYLOAD: Final = bytes(36)
#: different segments of each connection; repeated, they stay within the window
_SEGMENTS: Final = 4
_PATIENCE: Final = 2.0
_ETH_P_IP: Final = 0x0800


def clients(count: int) -> list[Ends]:
    """So many socket pairs: hosts of their own, one server."""
    first = int.from_bytes(PHANTOM_CLIENT, "big")
    return [Ends((first + number).to_bytes(4, "big"), 20000 + number, PHANTOM_SERVER, 443) for number in range(count)]


def out(packet: bytes) -> bytes:
    """The frame that brings a client's packet to the gateway."""
    return frames.ethernet(INSIDE_MAC, CLIENT_MAC, packet)


def tcp_load(pairs: Sequence[Ends]) -> list[bytes]:
    """In-window segments of established connections, 64 bytes a packet: all connections in turn."""
    return [
        out(frames.tcp(ends, frames.ACK | frames.PSH, CLIENT_SEQ + 1 + step * 24, SERVER_SEQ + 1, _TCP_PAYLOAD))
        for step in range(_SEGMENTS)
        for ends in pairs
    ]


def udp_load(pairs: Sequence[Ends]) -> list[bytes]:
    """Datagrams of known flows, 64 bytes a packet."""
    return [out(frames.udp(ends, _UDP_PAYLOAD)) for ends in pairs]


class Ports:
    """Raw sockets on the client's and the server's link; a context manager."""

    def __init__(self, network: Network) -> None:
        self._client = network.client.socket(socket.AF_PACKET, socket.SOCK_RAW, 0, _PATIENCE)
        self._server = network.server.socket(socket.AF_PACKET, socket.SOCK_RAW, 0, _PATIENCE)
        for port in (self._client, self._server):
            port.bind(("eth0", _ETH_P_IP))

    def open_tcp(self, ends: Ends) -> None:
        """A whole handshake. BenchError: a segment of it did not come through."""
        self._client.send(out(frames.tcp(ends, frames.SYN, CLIENT_SEQ, 0)))
        seen = self._masqueraded(frames.TCP, ends)
        answer = frames.tcp(seen.reply(), frames.SYN | frames.ACK, SERVER_SEQ, CLIENT_SEQ + 1)
        self._server.send(frames.ethernet(OUTSIDE_MAC, SERVER_MAC, answer))
        self._arrived(self._client, frames.TCP, ends.source)
        self._client.send(out(frames.tcp(ends, frames.ACK, CLIENT_SEQ + 1, SERVER_SEQ + 1)))
        self._arrived(self._server, frames.TCP, ends.destination)

    def open_udp(self, ends: Ends) -> None:
        """One datagram each way. BenchError: it did not come through."""
        self._client.send(out(frames.udp(ends, _UDP_PAYLOAD)))
        seen = self._masqueraded(frames.UDP, ends)
        answer = frames.udp(seen.reply(), _UDP_PAYLOAD)
        self._server.send(frames.ethernet(OUTSIDE_MAC, SERVER_MAC, answer))
        self._arrived(self._client, frames.UDP, ends.source)

    def _masqueraded(self, protocol: int, ends: Ends) -> Ends:
        seen = self._arrived(self._server, protocol, ends.destination)
        if seen.source != socket.inet_aton(OUTSIDE):
            raise BenchError(f"the gateway does not masquerade: the server sees {socket.inet_ntoa(seen.source)}")
        return seen

    def _arrived(self, port: socket.socket, protocol: int, destination: bytes) -> Ends:
        limit = time.monotonic() + _PATIENCE
        while time.monotonic() < limit:
            try:
                frame, address = port.recvfrom(2048)
            except TimeoutError:
                break
            if address[2] == socket.PACKET_OUTGOING or not frames.is_ipv4(frame, protocol):
                continue
            ends = frames.ends_of(frame)
            if ends.destination == destination:
                return ends
        raise BenchError(f"a packet to {socket.inet_ntoa(destination)} did not pass the gateway")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._server.close()
