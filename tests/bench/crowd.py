"""Connections without end, by number: who speaks with whom, and their packets.

Lives here: the packets of TCP connection `number` between a phantom client and a phantom server, and of its UDP
likeness. May not live here: who is given them.
"""

from __future__ import annotations

import socket
from typing import Final

from tests.bench import frames
from tests.bench.frames import Ends
from tests.bench.network import OUTSIDE, PHANTOM_CLIENT, PHANTOM_SERVER

#: connections that one client host makes
PER_CLIENT: Final = 1000
#: connections that one server host is asked for, each from a port of its own
PER_SERVER: Final = 50_000
_OUTSIDE: Final = socket.inet_aton(OUTSIDE)
_CLIENTS: Final = int.from_bytes(PHANTOM_CLIENT, "big")
_SERVERS: Final = int.from_bytes(PHANTOM_SERVER, "big")


def ends(number: int) -> Ends:
    """The socket pair of a connection. No two towards one server share a port: nobody has to search for a free one."""
    client = (_CLIENTS + number // PER_CLIENT).to_bytes(4, "big")
    server = (_SERVERS + number // PER_SERVER).to_bytes(4, "big")
    return Ends(client, 10_000 + number % PER_SERVER, server, 443)


def outside(number: int) -> Ends:
    """What its server answers to: the outside address, and the source port, which is free and so is kept."""
    pair = ends(number)
    return Ends(pair.destination, pair.destination_port, _OUTSIDE, pair.source_port)


def syn(number: int) -> bytes:
    return frames.tcp(ends(number), frames.SYN, 1, 0)


def syn_ack(number: int) -> bytes:
    return frames.tcp(outside(number), frames.SYN | frames.ACK, 1, 2)


def ack(number: int) -> bytes:
    return frames.tcp(ends(number), frames.ACK, 2, 2)


def segment(number: int) -> bytes:
    """A segment from the client, once the connection is established: 64 bytes, in the window."""
    return frames.tcp(ends(number), frames.ACK | frames.PSH, 2, 2, bytes(24))


def question(number: int) -> bytes:
    return frames.udp(ends(number), b"?")


def answer(number: int) -> bytes:
    return frames.udp(outside(number), b"!")
