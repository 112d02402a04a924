"""Connections for tests of the table: numbered, so that each has a socket pair of its own."""

from conntrack.flow.connection import Connection
from conntrack.flow.pair import build, invert
from conntrack.packet.header import UDP


def connection(number: int, deadline: float = 30.0, source: int = 0) -> Connection:
    """A UDP connection whose client is 10.0.0.0 + `source` (or + `number`), from port `number`."""
    client = (0x0A000000 + (source or number)).to_bytes(4, "big")
    key = build(UDP, client, b"\x01\x01\x01\x01", 1024 + number % 60000, 53)
    made = Connection(number, key, invert(key), 0.0)
    made.deadline = deadline
    return made
