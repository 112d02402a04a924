"""The last touches to a packet of a trace: other ends, a serial number, right checksums.

Lives here: writing bytes of packets without IP options, with nothing of the package under test. May not live here:
which packets.
"""

from __future__ import annotations

import struct

from scapy.layers.sctp import crc32c

ICMP, TCP, UDP, ICMPV6, SCTP, UDPLITE = 1, 6, 17, 58, 132, 136
PORTED = {TCP, UDP, SCTP, UDPLITE}
#: where the checksum stands in the transport header
CHECKSUM = {ICMP: 2, TCP: 16, UDP: 6, ICMPV6: 2, SCTP: 8, UDPLITE: 6}


def ones(data: bytes) -> int:
    """The ones'-complement sum."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def protocol_of(raw: bytes) -> int:
    """The protocol of a packet without extension headers."""
    return raw[9] if raw[0] >> 4 == 4 else raw[6]


def transport_of(raw: bytes) -> int:
    """Where the transport header begins."""
    return 20 if raw[0] >> 4 == 4 else 40


def ends(raw: bytes) -> tuple[bytes, bytes]:
    """Source and destination address."""
    return (raw[12:16], raw[16:20]) if raw[0] >> 4 == 4 else (raw[8:24], raw[24:40])


def with_ends(raw: bytes, source: bytes, destination: bytes, ports: tuple[int, int]) -> bytes:
    """The packet between other ends; checksums are left to `finished`."""
    start = transport_of(raw)
    head = raw[:12] if start == 20 else raw[:8]
    rest = raw[start:]
    if protocol_of(raw) in PORTED:
        rest = struct.pack(">HH", *ports) + rest[4:]
    return head + source + destination + rest


def finished(raw: bytes, serial: int, broken: bool = False) -> bytes:
    """The packet with a serial number and right checksums, or with a wrong transport checksum."""
    if raw[0] >> 4 == 4:
        head = raw[:4] + struct.pack(">H", serial & 0xFFFF) + raw[6:10] + b"\0\0" + raw[12:20]
        head = head[:10] + struct.pack(">H", ones(head) ^ 0xFFFF) + head[12:]
    else:
        head = b"\x60" + (serial & 0xFFFFF).to_bytes(3, "big") + raw[4:40]
    return head + summed(raw, bytearray(raw[transport_of(raw) :]), broken)


def summed(raw: bytes, body: bytearray, broken: bool) -> bytes:
    """A transport header and payload with its checksum; protocols without one come back as they are."""
    protocol = protocol_of(raw)
    if protocol not in CHECKSUM:
        return bytes(body)
    at = CHECKSUM[protocol]
    if protocol == SCTP:
        body[at : at + 4] = bytes(4)
        body[at : at + 4] = struct.pack("<I", crc32c(bytes(body)) ^ broken)  # type: ignore[no-untyped-call]
        return bytes(body)
    if protocol == UDPLITE:
        body[4:6] = b"\0\0"  # covers all of it
    body[at : at + 2] = b"\0\0"
    pseudo = b"" if protocol == ICMP else b"".join(ends(raw)) + struct.pack(">II", len(body), protocol)
    total = ones(pseudo + bytes(body)) ^ 0xFFFF ^ broken
    body[at : at + 2] = struct.pack(">H", total or 0xFFFF if protocol in (UDP, UDPLITE) else total)
    return bytes(body)


def comparable(raw: bytes) -> bytes:
    """The packet with what every router changes set to nothing: hop limit, and an IPv4 checksum that was right."""
    if raw[0] >> 4 == 6:
        return raw[:7] + b"\0" + raw[8:]
    right = ones(raw[:20]) == 0xFFFF
    return raw[:8] + b"\0" + raw[9:10] + (b"\0\0" if right else b"\1\1") + raw[12:]


def without_ends(raw: bytes, both: bool) -> bytes:
    """The packet without its source (or both ends) and checksums, which must have been right; b"" if they were not.

    Of an ICMP error, what it is about goes too: it quotes the same source.
    """
    start = transport_of(raw)
    if summed(raw, bytearray(raw[start:]), False) != raw[start:]:
        return b""
    body = bytearray(raw[start:])
    protocol = protocol_of(raw)
    if protocol in PORTED:
        body[: 4 if both else 2] = bytes(4 if both else 2)
    if protocol in CHECKSUM:
        at, size = CHECKSUM[protocol], 4 if protocol == SCTP else 2
        body[at : at + size] = bytes(size)
    if (protocol == ICMP and body[0] in (3, 4, 5, 11, 12)) or (protocol == ICMPV6 and body[0] < 128):
        body[8:] = bytes(len(body) - 8)
    head = comparable(raw)[: 12 if start == 20 else 8]
    return head + (b"" if both else ends(raw)[1]) + bytes(body)


def as_sent(copied: bytes, sent: bytes) -> bytes:
    """A copy that the kernel made with DF set (nft's dup), with the flags that the packet was sent with."""
    if not copied or copied[0] >> 4 == 6 or ones(copied[:20]) != 0xFFFF:
        return copied
    head = copied[:6] + sent[6:8] + copied[8:10] + b"\0\0" + copied[12:20]
    return head[:10] + struct.pack(">H", ones(head) ^ 0xFFFF) + head[12:] + copied[20:]


def plain(raw: bytes) -> bool:
    """Whether what is written here knows the packet's form: whole, without options and extension headers."""
    if len(raw) < 20 or raw[0] not in (0x45, *range(0x60, 0x70)) or (raw[0] != 0x45 and len(raw) < 40):
        return False
    length = int.from_bytes(raw[2:4], "big") if raw[0] == 0x45 else 40 + int.from_bytes(raw[4:6], "big")
    fragment = raw[0] == 0x45 and int.from_bytes(raw[6:8], "big") & 0x3FFF
    protocol = protocol_of(raw)
    if length != len(raw) or fragment:
        return False
    return protocol not in CHECKSUM or len(raw) - transport_of(raw) >= CHECKSUM[protocol] + (
        4 if protocol == SCTP else 2
    )


def checksums_made_right(raw: bytes) -> bytes:
    """The packet with right checksums; of a form not known here as it is."""
    if not plain(raw) or protocol_of(raw) == UDPLITE:
        return raw
    start = transport_of(raw)
    head = raw[:start]
    if start == 20:
        head = head[:10] + b"\0\0" + head[12:]
        head = head[:10] + struct.pack(">H", ones(head) ^ 0xFFFF) + head[12:]
    return head + summed(raw, bytearray(raw[start:]), False)


def right_checksums(raw: bytes) -> bool:
    """Whether the checksums are right; True of a form not known here, and of UDP that has none."""
    if protocol_of(raw) == UDP and plain(raw) and raw[transport_of(raw) + 6 : transport_of(raw) + 8] == b"\0\0":
        return raw[0] != 0x45 or ones(raw[:20]) == 0xFFFF
    return checksums_made_right(raw) == raw
