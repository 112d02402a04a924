"""One decoded IP packet, as the layers above read it.

Lives here: the fields. May not live here: how they are read (parse.py) or written (rewrite.py).
One instance is filled again for every packet, so that the hot path allocates nothing: whoever needs a
field after the next packet copies it.
"""

from typing import Final

from mypy_extensions import i64, mypyc_attr

#: IP protocol numbers that have their own reader (IANA "Assigned Internet Protocol Numbers")
ICMP: Final = 1
IGMP: Final = 2
TCP: Final = 6
UDP: Final = 17
DCCP: Final = 33
GRE: Final = 47
ICMPV6: Final = 58
OSPF: Final = 89
SCTP: Final = 132
UDPLITE: Final = 136

#: protocols whose headers begin with a source and a destination port
WITH_PORTS: Final = frozenset({TCP, UDP, UDPLITE, SCTP, DCCP})

#: TCP flag bits (RFC 9293 §3.1, RFC 3168)
FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10
URG: Final = 0x20
ECE: Final = 0x40
CWR: Final = 0x80

#: Packet.fragment
WHOLE: Final = 0
FIRST_FRAGMENT: Final = 1
LATER_FRAGMENT: Final = 2

#: Packet.kind
PLAIN: Final = 0
ICMP_QUERY: Final = 1  # has an identifier: echo, timestamp, information, address mask, node information
ICMP_ERROR: Final = 2  # carries the packet it speaks of
ICMP_OTHER: Final = 3  # neighbour discovery, MLD, router messages, unknown types


@mypyc_attr(acyclic=True)
class Packet:
    """Offsets are bytes from the start of `raw`; all integers are unsigned and in host order.

    pair: source address, destination address, source port, destination port, as on the wire and without
    gaps (12 bytes for IPv4, 36 for IPv6). For an ICMP query the "ports" are identifier and type·256+code;
    for an ICMP error 0 and type·256+code; for protocols without ports 0 and 0.
    """

    __slots__ = (
        "ack",
        "flags",
        "fragment",
        "hop_limit",
        "kind",
        "length",
        "network",
        "options",
        "pair",
        "partial",
        "payload",
        "protocol",
        "raw",
        "seq",
        "tos",
        "transport",
        "version",
        "window",
    )

    def __init__(self) -> None:
        self.raw: bytes = b""
        self.pair: bytes = b""
        self.version: i64 = 0  # 4 or 6
        self.protocol: i64 = 0  # of the transport, after any extension headers
        self.network: i64 = 0  # offset of the IP header: 0, except for a packet inside an ICMP error
        self.length: i64 = 0  # of the whole IP packet as its header says; raw may be longer (link padding)
        self.tos: i64 = 0  # IPv4 TOS or IPv6 traffic class: DSCP·4 + ECN
        self.hop_limit: i64 = 0  # IPv4 TTL or IPv6 hop limit
        self.transport: i64 = 0  # offset of the transport header
        self.payload: i64 = 0  # offset of what follows the transport header
        self.fragment: i64 = 0  # WHOLE, FIRST_FRAGMENT or LATER_FRAGMENT
        self.options = False  # IPv4 options or IPv6 extension headers are present
        self.partial = False  # the kernel has not completed the transport checksum yet
        self.kind: i64 = 0  # PLAIN or one of ICMP_*
        # TCP only
        self.seq: i64 = 0
        self.ack: i64 = 0
        self.flags: i64 = 0  # all eight bits
        self.window: i64 = 0  # unscaled
