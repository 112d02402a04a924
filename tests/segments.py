"""Packets as bytes, for traces: IPv4 or IPv6 with a transport header.

Written with struct and nothing of the package under test, so that a mistake there cannot hide here. Transport
checksums are left 0: traces are about connections, and the parser is told not to judge them.
"""

from __future__ import annotations

import struct

FLAG_LETTERS = {"F": 0x01, "S": 0x02, "R": 0x04, "P": 0x08, "A": 0x10, "U": 0x20, "E": 0x40, "C": 0x80}


def flag_bits(letters: str) -> int:
    """ "SA" → 0x12."""
    return sum(FLAG_LETTERS[letter] for letter in letters)


def ip(source: bytes, destination: bytes, protocol: int, transport: bytes) -> bytes:
    """An IPv4 packet for 4-byte addresses, an IPv6 packet for 16-byte ones."""
    if len(source) == 16:
        return struct.pack(">IHBB", 6 << 28, len(transport), protocol, 64) + source + destination + transport
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(transport), 0, 0, 64, protocol, 0) + source + destination
    total: int = sum(struct.unpack(">10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + (~total & 0xFFFF).to_bytes(2, "big") + header[12:] + transport


def tcp(
    ports: tuple[int, int], seq: int, ack: int, flags: int, window: int = 65535, options: bytes = b"", data: bytes = b""
) -> bytes:
    """A TCP segment; numbers are taken modulo 2³², options are padded."""
    options += b"\0" * (-len(options) % 4)
    header = struct.pack(
        ">HHIIBBHHH", *ports, seq % 2**32, ack % 2**32, (5 + len(options) // 4) << 4, flags, window, 0, 0
    )
    return header + options + data


def udp(ports: tuple[int, int], data: bytes = b"", checksum: int = 0) -> bytes:
    """A UDP datagram; without data it is a UDP-Lite one too, whose checksum must not be 0."""
    return struct.pack(">HHHH", *ports, 8 + len(data), checksum) + data


def gre(data: bytes = b"") -> bytes:
    """A GRE packet without key, sequence number and checksum (RFC 2784), around IPv4."""
    return b"\0\0\x08\0" + data


def pptp(call: int) -> bytes:
    """A GRE packet of a PPTP call (RFC 2637 §4.1): the receiver's identifier, a sequence number, four bytes of PPP."""
    return struct.pack(">BBHHHI", 0x30, 1, 0x880B, 4, call, 1) + b"\xff\x03\xc0\x21"


def icmp(kind: int, code: int, identifier: int = 1, data: bytes = b"") -> bytes:
    """An ICMP or ICMPv6 message with an identifier and sequence number 1."""
    return struct.pack(">BBHHH", kind, code, 0, identifier, 1) + data


def mss(size: int = 1460) -> bytes:
    """TCP option: maximum segment size."""
    return struct.pack(">BBH", 2, 4, size)


def window_scale(shift: int) -> bytes:
    """TCP option: window scale, padded to four bytes."""
    return struct.pack(">BBBB", 1, 3, 3, shift)


def sack_permitted() -> bytes:
    """TCP option: SACK permitted, padded to four bytes."""
    return b"\1\1\4\2"


def timestamps() -> bytes:
    """TCP option: timestamps, padded to twelve bytes."""
    return struct.pack(">BBBBII", 1, 1, 8, 10, 1, 1)


def sack(blocks: list[tuple[int, int]]) -> bytes:
    """TCP option: selective acknowledgement of these (left, right) edges, padded by two."""
    edges = b"".join(struct.pack(">II", left % 2**32, right % 2**32) for left, right in blocks)
    return bytes((1, 1, 5, 2 + len(edges))) + edges


#: DCCP packet types by name
DCCP_TYPES = ("request", "response", "data", "ack", "dataack", "closereq", "close", "reset", "sync", "syncack")


def dccp(ports: tuple[int, int], kind: int, seq: int, ack: int | None = None, long: bool = True) -> bytes:
    """A DCCP packet without data or options; with 48-bit numbers, or with a 24-bit one and no acknowledgement."""
    words = (12 if not long else 16 if ack is None else 24) // 4
    start = struct.pack(">HHBBHB", *ports, words, 0, 0, kind << 1 | long)
    if not long:
        return start + (seq % 2**24).to_bytes(3, "big")
    acknowledgement = b"" if ack is None else (ack % 2**48).to_bytes(8, "big")
    return start + b"\0" + (seq % 2**48).to_bytes(6, "big") + acknowledgement


#: SCTP chunk types by name
CHUNKS = {
    "data": 0,
    "init": 1,
    "init-ack": 2,
    "sack": 3,
    "heartbeat": 4,
    "heartbeat-ack": 5,
    "abort": 6,
    "shutdown": 7,
    "shutdown-ack": 8,
    "error": 9,
    "cookie-echo": 10,
    "cookie-ack": 11,
    "shutdown-complete": 14,
}


def chunk(kind: int, flags: int = 0, body: bytes = b"") -> bytes:
    """One SCTP chunk, padded."""
    return struct.pack(">BBH", kind, flags, 4 + len(body)) + body + b"\0" * (-len(body) % 4)


def sctp(ports: tuple[int, int], tag: int, chunks: bytes) -> bytes:
    """An SCTP packet; its checksum is left 0."""
    return struct.pack(">HHII", *ports, tag % 2**32, 0) + chunks


def checked(raw: bytes) -> bytes:
    """A packet with the checksums that it should have; of UDP one without any stays so. Not for other protocols."""
    version6 = raw[0] >> 4 == 6
    start = 40 if version6 else 4 * (raw[0] & 15)
    if not version6 and 20 <= start <= len(raw):
        raw = raw[:10] + _sum(raw[:10] + bytes(2) + raw[12:start]) + raw[12:]
    protocol = raw[6] if version6 else raw[9]
    place = {6: 16, 17: 6, 1: 2, 58: 2}.get(protocol, -2)
    if place < 0 or len(raw) < start + place + 2 or (protocol == 17 and raw[start + 6 : start + 8] == bytes(2)):
        return raw
    transport = raw[start : start + place] + bytes(2) + raw[start + place + 2 :]
    pseudo = raw[8:40] if version6 else raw[12:20]
    pseudo += struct.pack(">II", len(transport), protocol)
    checksum = _sum(transport if protocol == 1 else pseudo + transport)
    return raw[: start + place] + checksum + transport[place + 2 :]


def _sum(data: bytes) -> bytes:
    """The internet checksum (RFC 1071)."""
    return (0xFFFF - (int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF)).to_bytes(2, "big")
