"""The kernel's side of nfnetlink_queue, for tests: packet messages made, verdict messages read.

Independent of gateway/.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

PACKET, VERDICT, CONFIG = 0x300, 0x301, 0x302


class Verdict(NamedTuple):
    """One verdict message, decoded."""

    queue: int
    packet: int
    verdict: int
    mark: int | None
    payload: bytes | None


def attribute(number: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), number) + data + bytes(-len(data) % 4)


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def packet(
    number: int,
    payload: bytes | None,
    *,
    hook: int = 2,
    inbound: int = 0,
    outbound: int = 0,
    mark: int = 0,
    info: int | None = None,
    original: int | None = None,
    between: bytes = b"",
) -> bytes:
    """What the kernel sends for one packet, attributes in its order (nfqnl_build_packet_message)."""
    body = struct.pack(">BBH", 2, 0, 7) + attribute(1, struct.pack(">IHB", number, 0x0800, hook))
    for kind, value in ((5, inbound), (6, outbound), (3, mark)):
        if value:
            body += attribute(kind, struct.pack(">I", value))
    body += between
    if original is not None:
        body += attribute(13, struct.pack(">I", original))
    if info is not None:
        body += attribute(14, struct.pack(">I", info))
    if payload is not None:
        body += attribute(10, payload)
    return message(PACKET, body)


def error(number: int) -> bytes:
    """NLMSG_ERROR: an acknowledgement (0) or a refusal, with the refused header."""
    return message(2, struct.pack("=i", -number) + bytes(16))


def attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while data:
        length, kind = struct.unpack_from("=HH", data)
        assert 4 <= length <= len(data)
        found[kind] = data[4:length]
        data = data[(length + 3) & ~3 :]
    return found


def messages(data: bytes) -> list[tuple[int, int, bytes]]:
    """Splits what was sent to the kernel: (type, flags, all after the netlink header)."""
    found = []
    while data:
        length, kind, flags = struct.unpack_from("=IHH", data)
        assert 20 <= length <= len(data) and length % 4 == 0
        found.append((kind, flags, data[16:length]))
        data = data[length:]
    return found


def verdicts(data: bytes) -> list[Verdict]:
    found = []
    for kind, flags, body in messages(data):
        assert (kind, flags) == (VERDICT, 1)
        queue = struct.unpack_from(">H", body, 2)[0]
        fields = attributes(body[4:])
        assert fields.keys() <= {2, 3, 10}
        verdict, number = struct.unpack(">II", fields[2])
        mark = struct.unpack(">I", fields[3])[0] if 3 in fields else None
        found.append(Verdict(queue, number, verdict, mark, fields.get(10)))
    return found
