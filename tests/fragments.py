"""Datagrams cut by hand: in every order, and with pieces that overlap.

What becomes of them is shown by a kernel (tests/netns/test_fragments.py) and expected of our own reassembly
(tests/unit/packet/test_reassembly.py).
"""

from __future__ import annotations

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Packet, Raw

#: (offset, end) of the pieces of a datagram of 3008 bytes (UDP header included), in the order in which they are sent
Pieces = list[tuple[int, int]]

WHOLE = {
    "in order": [(0, 1200), (1200, 2400), (2400, 3008)],
    "reversed": [(2400, 3008), (1200, 2400), (0, 1200)],
    "the first one last": [(1200, 2400), (2400, 3008), (0, 1200)],
    # what adds nothing is ignored, as if it had come twice; what came first stays
    "one of them twice": [(0, 1200), (1200, 2400), (1200, 2400), (2400, 3008)],
    "one inside another": [(0, 1400), (400, 800), (1400, 2400), (2400, 3008)],
    "a tiny first one": [(0, 8), (8, 1200), (1200, 2400), (2400, 3008)],
    "many tiny ones": [(at, min(at + 200, 3008)) for at in range(0, 3008, 200)],
}
OVERLAPPING = {
    "over the one before": [(0, 1200), (1192, 2400), (2400, 3008)],
    "under the one after": [(0, 1200), (2400, 3008), (1200, 2408)],
    "around another": [(8, 16), (0, 1200), (1200, 2400), (2400, 3008)],
}
#: bytes of payload
SIZE = 3000


def cut(
    source: str, target: str, port: int, target_port: int, payload: bytes, pieces: Pieces, identity: int
) -> list[bytes]:
    """The packets. A piece that lies within another one before it is spoilt: whoever took it would be found out."""
    head = IPv6(src=source, dst=target) if ":" in target else IP(src=source, dst=target)
    whole = bytes(head / UDP(sport=port, dport=target_port) / Raw(payload))[len(bytes(head)) :]
    made = []
    for number, (at, end) in enumerate(pieces):
        again = any(low <= at and end <= high for low, high in pieces[:number])
        data = bytes(end - at) if again else whole[at:end]
        made.append(bytes(piece(source, target, data, at, end < len(whole), identity)))
    return made


def piece(source: str, target: str, data: bytes, at: int, more: bool, identity: int, protocol: int = 17) -> Packet:
    """One fragment."""
    if ":" in target:
        header = IPv6ExtHdrFragment(nh=protocol, offset=at // 8, m=int(more), id=identity)
        return IPv6(src=source, dst=target) / header / Raw(data)
    flags = "MF" if more else 0
    return IP(src=source, dst=target, proto=protocol, id=identity, flags=flags, frag=at // 8) / Raw(data)
