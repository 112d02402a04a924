"""Two TCP hosts that talk through the engine, and check what reaches them as their stacks would.

Each end numbers its own stream from its own first number, and knows the other only by the packets that come: so
whatever the gateway changes on the way, the numbers must fit at both ends, or an assertion says where they did not.
Packets are made and read by scapy; every packet that arrives must have right checksums.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from tests.golden.notation import describe
from tests.host import Host

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def layer(raw: bytes) -> Any:
    """An IP packet by scapy; its checksums must be right."""
    assert "BAD CHECKSUM" not in describe(raw), describe(raw)
    return IP(raw) if raw[0] >> 4 == 4 else IPv6(raw)


def ip(source: str, target: str) -> Any:
    """An IP header."""
    return IPv6(src=source, dst=target) if ":" in source else IP(src=source, dst=target)


def datagram(source: tuple[str, int], target: tuple[str, int], payload: bytes) -> bytes:
    """A UDP packet."""
    return bytes(ip(source[0], target[0]) / UDP(sport=source[1], dport=target[1]) / payload)


@dataclass
class End:
    """One host's end: its zone, its own address and port, and the other's as it knows them."""

    zone: str
    own: tuple[str, int]
    peer: tuple[str, int]
    first: int
    sent: int = 0  # bytes of its stream, SYN and FIN too
    got: int = 0  # bytes of the other's stream that arrived in order
    peer_first: int = 0
    acked: int = 0
    heard: bytes = b""  # the other's stream
    sacked: list[tuple[int, int]] = field(default_factory=list)

    def number(self, place: int) -> int:
        """The sequence number of a place in its stream."""
        return (self.first + place) % 2**32

    def segment(self, flags: int, data: bytes = b"", at: int | None = None, options: list[Any] | None = None) -> bytes:
        """A segment with the data at a place of its stream, or next."""
        place = self.sent if at is None else at
        ack = (self.peer_first + self.got) % 2**32 if flags & ACK else 0
        head = TCP(
            sport=self.own[1],
            dport=self.peer[1],
            seq=self.number(place),
            ack=ack,
            flags=flags,
            window=60000,
            options=options or [],
        )
        if at is None:
            self.sent += len(data) + (1 if flags & (SYN | FIN) else 0)
        return bytes(ip(self.own[0], self.peer[0]) / head / data)


class Talk:
    """A connection through a host. `client`, `server`: its ends; `server` is filled by the SYN that arrives."""

    def __init__(
        self, host: Host, zone: str, client: tuple[str, int], target: tuple[str, int], first: int = 1000
    ) -> None:
        self.host = host
        self.client = End(zone, client, target, first)
        self.server = End("", ("", 0), ("", 0), 9000)

    def connect(self) -> Talk:
        """The handshake."""
        zone, raw = self.host.cross(self.client.zone, self.client.segment(SYN))
        assert raw, zone
        syn = layer(raw)
        self.server = End(zone, (syn.dst, syn[TCP].dport), (syn.src, syn[TCP].sport), 9000, peer_first=syn[TCP].seq)
        self.server.got = 1
        self.deliver(self.server, self.server.segment(SYN | ACK))
        self.deliver(self.client, self.client.segment(ACK))
        return self

    def other(self, end: End) -> End:
        """The opposite end."""
        return self.server if end is self.client else self.client

    def says(self, end: End, data: bytes, acknowledged: bool = True) -> bytes:
        """One end says something new, the other acknowledges it: the bytes that arrived."""
        heard = self.deliver(end, end.segment(PSH | ACK, data))
        if acknowledged:
            self.acknowledge(self.other(end))
        return heard

    def again(self, end: End, place: int, data: bytes) -> bytes:
        """One end sends a part of its stream once more."""
        return self.deliver(end, end.segment(PSH | ACK, data, at=place))

    def acknowledge(self, end: End) -> None:
        """One end acknowledges all it got."""
        self.deliver(end, end.segment(ACK))

    def deliver(self, end: End, raw: bytes) -> bytes:
        """A packet of one end crosses; the data that arrived at the other, "" where it was dropped."""
        zone, out = self.host.cross(end.zone, raw)
        other = self.other(end)
        assert out, f"{zone}: {describe(raw)}"
        assert zone == other.zone
        packet = layer(out)
        assert ((packet.src, packet[TCP].sport), (packet.dst, packet[TCP].dport)) == (other.peer, other.own)
        return self.arrive(other, packet[TCP])

    def arrive(self, end: End, segment: Any) -> bytes:
        """What a stack does with a segment."""
        data = bytes(segment.payload)
        flags = int(segment.flags)
        if flags & SYN:
            end.peer_first, end.got = segment.seq, 1
            end.acked = 1
            return data
        place = (segment.seq - end.peer_first) % 2**32
        assert place <= end.got, f"a hole: {place} after {end.got}"
        known = min(len(data), end.got - place)
        fresh = data[known:]
        assert data[:known] == end.heard[place - 1 :][:known], "not what was sent the first time"
        end.heard += fresh
        end.got += len(fresh) + (1 if flags & FIN else 0)
        if flags & ACK:
            end.acked = (segment.ack - end.first) % 2**32
            assert end.acked <= end.sent, "acknowledges what was never sent"
        end.sacked = [edges for name, value in segment.options if name == "SAck" for edges in pairs(value)]
        return data


def pairs(edges: tuple[int, ...]) -> list[tuple[int, int]]:
    """SACK blocks of a flat list of edges."""
    return list(zip(edges[::2], edges[1::2], strict=True))
