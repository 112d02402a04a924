"""The kernel's entry of one connection, asked for by its socket pair (ctnetlink, uapi nfnetlink_conntrack.h).

Lives here: one question and the reading of its answer. May not live here: dumps, which walk the machine's whole table.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from conntrack.flow.pair import readable

NETLINK_NETFILTER = 12
GET, DELETE = 1 << 8 | 1, 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_*
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLMSG_ERROR = 2
NESTED = 0x8000

# attributes of an entry
TUPLE_ORIGINAL, STATUS, PROTOINFO, TIMEOUT, COUNTERS_ORIGINAL, COUNTERS_REPLY = 1, 3, 4, 7, 9, 10
# IPS_* bits
SEEN_REPLY, ASSURED = 0x02, 0x04
#: PROTOINFO's member and its state attribute, by protocol number
STATES = {6: (1, 1), 132: (3, 1)}


@dataclass(frozen=True)
class Entry:
    """What the kernel knows of a connection. state is -1 for protocols without one; timeout is in whole seconds.

    inner: of both directions, TCP's window flags or SCTP's verification tags.
    """

    state: int
    timeout: int
    replied: bool
    assured: bool
    packets: tuple[int, int]
    inner: tuple[int, int] = (0, 0)
    octets: tuple[int, int] = (0, 0)


def open_socket() -> socket.socket:
    """A ctnetlink socket of the namespace that the caller is in."""
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    netlink.bind((0, 0))
    return netlink


def ask(netlink: socket.socket, key: bytes) -> Entry | None:
    """The entry whose original or reply key this is; None if there is none."""
    answer = request(netlink, GET, 0, key)
    if struct.unpack_from("=H", answer, 4)[0] == NLMSG_ERROR:
        return None
    return entry(attributes(answer[20 : struct.unpack_from("=I", answer)[0]]), key[0])


def forget(netlink: socket.socket, key: bytes) -> None:
    """Deletes the entry whose original or reply key this is, if there is one."""
    request(netlink, DELETE, NLM_F_ACK, key)


def request(netlink: socket.socket, kind: int, flags: int, key: bytes) -> bytes:
    """Sends a request about one entry; returns the answer."""
    body = bytes((socket.AF_INET if len(key) == 14 else socket.AF_INET6, 0, 0, 0)) + tuple_of(key)
    netlink.send(struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | flags, 1, 0) + body)
    return netlink.recv(65536)


def tuple_of(key: bytes) -> bytes:
    """The key as a CTA_TUPLE_ORIG."""
    size = 4 if len(key) == 14 else 16
    first = 1 if size == 4 else 3
    addresses = attribute(first, key[2 : 2 + size]) + attribute(first + 1, key[2 + size : 2 + 2 * size])
    ports = readable(key)
    protocol = attribute(1, key[:1])
    if key[0] in (1, 58):
        kinds = (4, 5, 6) if key[0] == 1 else (7, 8, 9)
        kind, code = divmod(ports.destination_port, 256)
        protocol += attribute(kinds[0], ports.source_port.to_bytes(2, "big"))
        protocol += attribute(kinds[1], bytes((kind,))) + attribute(kinds[2], bytes((code,)))
    else:
        protocol += attribute(2, ports.source_port.to_bytes(2, "big"))
        protocol += attribute(3, ports.destination_port.to_bytes(2, "big"))
    inner = attribute(1 | NESTED, addresses) + attribute(2 | NESTED, protocol)
    return attribute(TUPLE_ORIGINAL | NESTED, inner)


def entry(found: dict[int, bytes], protocol: int) -> Entry:
    """An answer's attributes as an Entry."""
    status = number(found[STATUS])
    state, inner = -1, (0, 0)
    if protocol in STATES and PROTOINFO in found:
        member, attribute_of_state = STATES[protocol]
        info = attributes(attributes(found[PROTOINFO])[member])
        state = info[attribute_of_state][0]
        inner = (info[4][0], info[5][0]) if protocol == 6 else (number(info[2]), number(info[3]))
    return Entry(
        state,
        number(found.get(TIMEOUT, b"\0\0\0\0")),
        bool(status & SEEN_REPLY),
        bool(status & ASSURED),
        (counter(found.get(COUNTERS_ORIGINAL), 1), counter(found.get(COUNTERS_REPLY), 1)),
        inner,
        (counter(found.get(COUNTERS_ORIGINAL), 2), counter(found.get(COUNTERS_REPLY), 2)),
    )


def counter(counters: bytes | None, which: int) -> int:
    """The packets (1) or bytes (2) of a CTA_COUNTERS_*; 0 without accounting."""
    return number(attributes(counters)[which]) if counters else 0


def number(data: bytes) -> int:
    """Any big-endian number."""
    return int.from_bytes(data, "big")


def attribute(kind: int, data: bytes) -> bytes:
    """One netlink attribute, padded."""
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """A run of netlink attributes by type."""
    found = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        found[kind & 0x3FFF] = data[4:size]
        data = data[size + 3 & ~3 :]
    return found
