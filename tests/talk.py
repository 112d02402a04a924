"""Two TCP hosts that talk through the engine, and check what reaches them as their stacks would.

Each end numbers its own stream from its own first number, and knows the other only by the packets that come: so
whatever the gateway changes on the way, the numbers must fit at both ends, or an assertion says where they did not.
Segments are written and read with struct, since fuzzing makes a great many; nothing of the package under test has a
hand in it. Every packet that arrives must have right checksums.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

from tests import segments
from tests.golden.notation import describe
from tests.host import Host, address
from tests.kernel.finish import ends, plain, protocol_of, right_checksums, transport_of

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def layer(raw: bytes) -> Any:
    """An IP packet by scapy; its checksums must be right."""
    assert "BAD CHECKSUM" not in describe(raw), describe(raw)
    return IP(raw) if raw[0] >> 4 == 4 else IPv6(raw)


def datagram(source: tuple[str, int], target: tuple[str, int], payload: bytes) -> bytes:
    """A UDP packet."""
    return _sent(source, target, 17, segments.udp((source[1], target[1]), payload, checksum=1))


def tcp_packet(source: tuple[str, int], target: tuple[str, int], segment: bytes) -> bytes:
    """A TCP packet around a segment, with right checksums."""
    return _sent(source, target, 6, segment)


def _sent(source: tuple[str, int], target: tuple[str, int], protocol: int, transport: bytes) -> bytes:
    return segments.checked(segments.ip(address(source[0]), address(target[0]), protocol, transport))


class Arrived:
    """A TCP packet as a stack reads it; its checksums must be right."""

    def __init__(self, raw: bytes) -> None:
        assert plain(raw), describe(raw)
        assert protocol_of(raw) == 6, describe(raw)
        assert right_checksums(raw), describe(raw)
        start = transport_of(raw)
        source, target = (str(ip_address(end)) for end in ends(raw))
        sport, dport, self.seq, self.ack, words, self.flags = struct.unpack_from(">HHIIBB", raw, start)
        self.source, self.target = (source, sport), (target, dport)
        end = start + (words >> 4) * 4
        self.options, self.data = raw[start + 20 : end], raw[end:]

    def sacked(self) -> list[tuple[int, int]]:
        """The blocks that its SACK option says (RFC 2018 §3)."""
        at = 0
        while at < len(self.options) and self.options[at]:
            size = 1 if self.options[at] == 1 else self.options[at + 1]
            if self.options[at] == 5:
                return list(struct.iter_unpack(">II", self.options[at + 2 : at + size]))
            at += size
        return []


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

    def segment(
        self, flags: int, data: bytes = b"", at: int | None = None, sacks: list[tuple[int, int]] | None = None
    ) -> bytes:
        """A segment with the data at a place of its stream, or next."""
        place = self.sent if at is None else at
        ack = self.peer_first + self.got if flags & ACK else 0
        options = segments.sack(sacks) if sacks else b""
        if at is None:
            self.sent += len(data) + (1 if flags & (SYN | FIN) else 0)
        ports = (self.own[1], self.peer[1])
        segment = segments.tcp(ports, self.number(place), ack, flags, 60000, options, data)
        return tcp_packet(self.own, self.peer, segment)


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
        syn = Arrived(raw)
        self.server = End(zone, syn.target, syn.source, 9000, peer_first=syn.seq)
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
        segment = Arrived(out)
        assert (segment.source, segment.target) == (other.peer, other.own)
        return self.arrive(other, segment)

    def arrive(self, end: End, segment: Arrived) -> bytes:
        """What a stack does with a segment."""
        data, flags = segment.data, segment.flags
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
        end.sacked = segment.sacked()
        return data
