"""Ethernet frames with IPv4 and TCP or UDP inside, built and read without any library.

Lives here: bytes. May not live here: sockets, and conntrack's own code: what is measured does not build its own load.
Addresses are packed (4 bytes), MAC addresses too (6 bytes).
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

TCP: Final = 6
UDP: Final = 17
SYN: Final = 0x02
ACK: Final = 0x10
PSH: Final = 0x08

ETHERNET: Final = 14
#: bytes of a frame from the addresses of its IP header to the ports behind it
_PAIR: Final = slice(ETHERNET + 12, ETHERNET + 24)


class Ends(NamedTuple):
    """Who sends to whom."""

    source: bytes
    source_port: int
    destination: bytes
    destination_port: int

    def reply(self) -> Ends:
        """The other direction."""
        return Ends(self.destination, self.destination_port, self.source, self.source_port)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) & 1)
    return 0xFFFF - (int.from_bytes(padded, "big") % 0xFFFF)


def ipv4(ends: Ends, protocol: int, transport: bytes, at: int) -> bytes:
    """An IPv4 packet around a transport header whose checksum field, at offset `at`, is still 0."""
    pseudo = struct.pack("!4s4sBBH", ends.source, ends.destination, 0, protocol, len(transport))
    transport = transport[:at] + struct.pack("!H", checksum(pseudo + transport)) + transport[at + 2 :]
    fields = (0x45, 0, 20 + len(transport), 0, 0x4000, 64, protocol, 0, ends.source, ends.destination)
    header = struct.pack("!BBHHHBBH4s4s", *fields)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + transport


def tcp(ends: Ends, flags: int, seq: int, ack: int, payload: bytes = b"") -> bytes:
    """An IPv4 packet with a TCP segment; the window is 65535, and there are no options."""
    header = struct.pack("!HHIIBBHHH", ends.source_port, ends.destination_port, seq, ack, 0x50, flags, 0xFFFF, 0, 0)
    return ipv4(ends, TCP, header + payload, 16)


def udp(ends: Ends, payload: bytes = b"") -> bytes:
    """An IPv4 packet with a UDP datagram."""
    header = struct.pack("!HHHH", ends.source_port, ends.destination_port, 8 + len(payload), 0)
    return ipv4(ends, UDP, header + payload, 6)


def ethernet(to: bytes, sender: bytes, packet: bytes) -> bytes:
    """A frame around an IPv4 packet."""
    return to + sender + b"\x08\x00" + packet


def ends_of(frame: bytes) -> Ends:
    """Who sends to whom in a frame around an IPv4 packet without options."""
    source, destination, source_port, port = struct.unpack("!4s4sHH", frame[_PAIR])
    return Ends(source, source_port, destination, port)


def is_ipv4(frame: bytes, protocol: int) -> bool:
    """Whether a frame holds IPv4 with this protocol."""
    return len(frame) >= ETHERNET + 28 and frame[12:14] == b"\x08\x00" and frame[ETHERNET + 9] == protocol
