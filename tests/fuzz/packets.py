"""Packets for the engine's fuzz target: forged ones, most of which get past the parser.

Lives here: seeds, and how bytes change one. May not live here: what is done with them.
"""

from __future__ import annotations

from tests.golden.notation import packet
from tests.kernel.finish import checksums_made_right

SEEDS = [
    packet(line)
    for line in (
        "tcp 192.168.10.5:5000 > 198.51.100.9:443 SYN seq=1 mss=1460",
        "tcp 198.51.100.9:443 > 203.0.113.1:5000 SYN+ACK seq=9 ack=2",
        "tcp 192.168.10.5:5000 > 198.51.100.9:443 ACK seq=2 ack=10",
        "tcp 198.51.100.9:6000 > 203.0.113.1:443 SYN seq=1",
        "tcp 192.168.10.5:6000 > 203.0.113.1:443 SYN seq=1",
        "udp 192.168.10.5:5000 > 198.51.100.9:53 length=20",
        "udp 198.51.100.9:53 > 203.0.113.1:5000 length=20",
        "icmp 192.168.10.5 > 198.51.100.9 echo-request id=7",
        "icmp 198.51.100.9 > 203.0.113.1 echo-reply id=7",
        "icmp 198.51.100.1 > 203.0.113.1 time-exceeded about udp 203.0.113.1:5000 > 198.51.100.9:53",
        "icmp 192.168.10.20 > 198.51.100.9 port-unreachable about tcp 198.51.100.9:6000 > 192.168.10.20:443 SYN",
        "udp [fd10::5]:5000 > [2001:db8:113::77]:53 length=20",
        "icmp6 fd10::5 > 2001:db8:113::77 echo-request id=7",
        "tcp 192.168.10.20:443 > 203.0.113.1:6000 RST+ACK seq=0 ack=2",
        "tcp 192.168.20.5:5000 > 198.51.100.9:443 SYN seq=1",
        "udp 203.0.113.1:40000 > 239.255.255.250:1900 length=9",
        "udp 192.168.10.5:5353 > 224.0.0.251:5353 length=9",
        "icmp 192.168.10.20 > 203.0.113.1 port-unreachable about tcp 203.0.113.1:6000 > 192.168.10.20:443 SYN",
        "protocol-47 192.168.10.5 > 198.51.100.9",
        "udp [fd10::5]:5000 > [64:ff9b::c633:6409]:53 length=20",
        "tcp [fd10::5]:5001 > [64:ff9b::c633:6409]:80 SYN seq=1 mss=1440",
        "tcp 198.51.100.9:80 > 203.0.113.1:5001 SYN+ACK seq=9 ack=2",
        "icmp6 fd10::5 > 64:ff9b::c633:6409 echo-request id=7",
        "icmp 198.51.100.1 > 203.0.113.1 time-exceeded about tcp 203.0.113.1:5001 > 198.51.100.9:80 SYN",
        "icmp 198.51.100.1 > 203.0.113.1 fragmentation-needed about udp 203.0.113.1:5000 > 198.51.100.9:53 length=20",
    )
]
#: of a body's second byte: the checksums are made right again / the bytes alone are the packet
REPAIRED, BARE = 0x40, 0xFF


def forged(body: bytes, seeds: list[bytes] = SEEDS) -> bytes:
    """One of the seeds with some of its bytes replaced, its checksums made right or left wrong; or the bytes alone."""
    if len(body) < 2 or body[1] == BARE:
        return body
    raw = bytearray(seeds[(body[1] & 0x3F) % len(seeds)])
    for place in range(2, len(body) - 1, 2):
        raw[body[place] % len(raw)] = body[place + 1]
    return checksums_made_right(bytes(raw)) if body[1] & REPAIRED else bytes(raw)
