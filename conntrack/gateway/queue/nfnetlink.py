"""The nfnetlink_queue message formats (linux/netfilter/nfnetlink_queue.h).

Lives here: numbers, and the messages that configure a queue. May not live here: sockets, and the messages that
carry packets (judge.py).

A message is a netlink header (length, type, flags, sequence, port; native byte order), a netfilter header (family,
version, queue number in network byte order), then attributes (length, type; native byte order) padded to four bytes,
whose numbers are in network byte order.
"""

from __future__ import annotations

import struct
from typing import Final

NETLINK_NETFILTER: Final = 12

NLMSG_ERROR: Final = 2
NLM_F_REQUEST: Final = 1
NLM_F_ACK: Final = 4

# NFNL_SUBSYS_QUEUE (3) << 8 | NFQNL_MSG_*
MSG_PACKET: Final = 0x300
MSG_VERDICT: Final = 0x301
MSG_CONFIG: Final = 0x302

#: netlink header, and with the netfilter header
HEADER: Final = 16
HEADERS: Final = 20

# enum nfqnl_attr_type
PACKET_HDR: Final = 1
VERDICT_HDR: Final = 2
MARK: Final = 3
IFINDEX_INDEV: Final = 5
IFINDEX_OUTDEV: Final = 6
PAYLOAD: Final = 10
CAP_LEN: Final = 13
SKB_INFO: Final = 14
#: the two highest bits of an attribute's type are flags
TYPE_MASK: Final = 0x3FFF

# NFQA_SKB_*
CSUM_NOT_READY: Final = 1
GSO: Final = 2
CSUM_NOT_VERIFIED: Final = 4

# enum nfqnl_attr_config
_CFG_CMD: Final = 1
_CFG_PARAMS: Final = 2
_CFG_QUEUE_MAXLEN: Final = 3
_CFG_MASK: Final = 4
_CFG_FLAGS: Final = 5
_CMD_BIND: Final = 1
_CMD_UNBIND: Final = 2
_COPY_PACKET: Final = 2
FLAG_FAIL_OPEN: Final = 1
FLAG_GSO: Final = 4

#: the longest packet that fits an attribute (NFQNL_MAX_COPY_RANGE)
COPY_RANGE: Final = 0xFFFF - 4


def bind(queue: int) -> bytes:
    """Creates the queue and makes this socket its owner."""
    return _config(queue, _attribute(_CFG_CMD, struct.pack(">BBH", _CMD_BIND, 0, 0)))


def unbind(queue: int) -> bytes:
    """Destroys the queue."""
    return _config(queue, _attribute(_CFG_CMD, struct.pack(">BBH", _CMD_UNBIND, 0, 0)))


def configure(queue: int, length: int, flags: int) -> bytes:
    """Whole packets are copied, `length` of them may wait, and `flags` (FLAG_*) are set."""
    return _config(
        queue,
        _attribute(_CFG_PARAMS, struct.pack(">IB", COPY_RANGE, _COPY_PACKET))
        + _attribute(_CFG_QUEUE_MAXLEN, struct.pack(">I", length))
        + _set_flags(flags),
    )


def configure_flags(queue: int, flags: int) -> bytes:
    """Sets only the flags of a queue that is bound already; the kernel answers only if it refuses."""
    return _config(queue, _set_flags(flags), NLM_F_REQUEST)


def error_of(message: bytes) -> int:
    """The errno of an answer; 0 for an acknowledgement, -1 if it is no answer."""
    if len(message) < HEADER + 4 or struct.unpack_from("=H", message, 4)[0] != NLMSG_ERROR:
        return -1
    return -int(struct.unpack_from("=i", message, HEADER)[0])


def _set_flags(flags: int) -> bytes:
    """The attributes that set these flags and clear the others of FLAG_*."""
    mask = struct.pack(">I", FLAG_FAIL_OPEN | FLAG_GSO)
    return _attribute(_CFG_FLAGS, struct.pack(">I", flags)) + _attribute(_CFG_MASK, mask)


def _config(queue: int, attributes: bytes, how: int = NLM_F_REQUEST | NLM_F_ACK) -> bytes:
    header = struct.pack("=IHHII", HEADERS + len(attributes), MSG_CONFIG, how, 0, 0)
    return header + struct.pack(">BBH", 0, 0, queue) + attributes


def _attribute(number: int, data: bytes) -> bytes:
    """One attribute, padded."""
    return struct.pack("=HH", 4 + len(data), number) + data + bytes(-len(data) & 3)
