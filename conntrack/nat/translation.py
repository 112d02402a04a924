"""Turns a connection's two keys into what each direction's packets leave with.

Lives here: the translated pairs and the checksum sums, made once a connection. May not live here: the choice
of addresses and ports, or the rewriting of bytes (packet/rewrite).
"""

from __future__ import annotations

from mypy_extensions import i32, i64

from conntrack.flow.connection import (
    CROSSES,
    DESTINATION_NAT,
    NAT64,
    REWRITE_DESTINATION,
    REWRITE_SOURCE,
    SOURCE_NAT,
    Connection,
    Direction,
)
from conntrack.flow.pair import invert
from conntrack.packet.checksum import delta
from conntrack.packet.prefix64 import STAND_IN
from conntrack.packet.rewrite import deltas


def install(connection: Connection) -> None:
    """Fills rewrites, translated and the deltas of both directions; a connection without NAT keeps its defaults."""
    original = connection.original
    reply = connection.reply
    leaves = invert(reply.key)
    if leaves == original.key:
        return
    returns = invert(original.key)
    if len(leaves) != len(original.key):
        _cross(connection, leaves, returns)
        return
    size: i64 = 4 if len(leaves) == 14 else 16
    source, destination = changes(original.key, leaves, size)
    if source:
        connection.status |= SOURCE_NAT
    if destination:
        connection.status |= DESTINATION_NAT
    _direct(original, leaves, source, destination)
    # what is rewritten as source one way is rewritten as destination the other
    _direct(reply, returns, destination, source)


def _cross(connection: Connection, leaves: bytes, returns: bytes) -> None:
    """From IPv6 to IPv4: the sum is that of the packet as it is made, whose source still is a stand-in."""
    original = connection.original
    reply = connection.reply
    connection.status |= SOURCE_NAT | DESTINATION_NAT | NAT64
    original.rewrites = reply.rewrites = CROSSES
    original.translated = leaves[2:]
    reply.translated = returns[2:]
    original.address_delta = i32(delta(original.key[2:], STAND_IN + leaves[6:]))
    reply.address_delta = i32(delta(reply.key[2:], returns[2:]))


def changes(key: bytes, leaves: bytes, size: i64) -> tuple[bool, bool]:
    """Which sides of a socket pair differ: (source, destination), each with its port or identifier."""
    at = 2 + 2 * size
    source = key[2 : 2 + size] != leaves[2 : 2 + size] or key[at : at + 2] != leaves[at : at + 2]
    destination = key[2 + size : at] != leaves[2 + size : at] or key[at + 2 :] != leaves[at + 2 :]
    return source, destination


def goes_elsewhere(direction: Direction) -> bool:
    """Whether translation gives its packets another destination address, which is too late once they are routed."""
    size = 4 if len(direction.key) == 14 else 16
    return direction.key[2 + size : 2 + 2 * size] != direction.translated[size : 2 * size]


def _direct(direction: Direction, leaves: bytes, source: bool, destination: bool) -> None:
    pair = direction.key[2:]
    translated = leaves[2:]
    direction.translated = translated
    direction.rewrites = (REWRITE_SOURCE if source else 0) | (REWRITE_DESTINATION if destination else 0)
    address_delta, port_delta = deltas(direction.key[0], pair, translated)
    direction.address_delta = i32(address_delta)
    direction.port_delta = i32(port_delta)
