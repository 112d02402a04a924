"""Packets of a connection by what is to be odd about them: headers of every form, numbers by where they lie in windows.

Beside packets.py, which makes packets of no connection.
"""

from __future__ import annotations

from typing import cast

from hypothesis import strategies as st

from conntrack.flow.connection import Connection
from conntrack.packet.header import UDP
from conntrack.tracker.tcp.window import Window
from tests import segments
from tests.twins import Twins

near = st.sampled_from([0, 0, 0, 0, 1, -1, 2, 1400, -1400, 65535, -66000, -66001, 2**31, 2**31 - 1, -(2**31) + 1])
FLAGS = ["A", "A", "A", "A", "A", "PA", "AU", "AE", "FA", "R", "RA", "S", "SA", "", "SF"]
FORMS = ["plain"] * 8 + ["fragment", "options", "length", "checksum", "cut", "twisted"]


class Told:
    """Tells what it is where a test fails."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({vars(self)})"


class Form(Told):
    """What a packet's headers say beside its numbers."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.tos = draw(st.sampled_from([0, 0, 1, 3, 0xB8, 0xFF]))
        self.hop_limit = draw(st.sampled_from([64, 64, 64, 255, 2, 1, 0]))
        self.mark = draw(st.sampled_from([0, 0, 5, 0x0FFF_FFFF]))
        self.form = draw(st.sampled_from(FORMS))
        self.at, self.value = draw(st.integers(0, 59)), draw(st.integers(0, 255))

    def raw(self, key: bytes, transport: bytes) -> bytes:
        size = 4 if len(key) == 14 else 16
        raw = bytearray(segments.ip(key[2 : 2 + size], key[2 + size : 2 + 2 * size], key[0], transport))
        raw[0:2] = (int.from_bytes(raw[0:2], "big") | (self.tos << (4 if size == 16 else 0))).to_bytes(2, "big")
        raw[8 if size == 4 else 7] = self.hop_limit
        if self.form == "fragment" and size == 4:
            raw[6] |= 0x20
        elif self.form == "options":
            raw = with_options(raw)
        elif self.form == "length":
            raw[2 if size == 4 else 4] ^= 0x10
        elif self.form == "twisted":
            raw[self.at % len(raw)] = self.value
        whole = segments.checked(bytes(raw))
        if self.form == "checksum" and size == 4:
            whole = whole[:10] + bytes((whole[10] ^ 1,)) + whole[11:]
        return whole[: len(whole) - 12] if self.form == "cut" and len(whole) > 60 else whole


def with_options(raw: bytearray) -> bytearray:
    """Four NOPs behind an IPv4 header; a destination header in IPv6."""
    if raw[0] >> 4 == 4:
        return bytearray((0x46,)) + raw[1:2] + (len(raw) + 4).to_bytes(2, "big") + raw[4:20] + b"\1\1\1\1" + raw[20:]
    length = int.from_bytes(raw[4:6], "big") + 8
    return (
        raw[:4]
        + length.to_bytes(2, "big")
        + bytes((60, raw[7]))
        + raw[8:40]
        + bytes((raw[6], 0, 1, 4, 0, 0, 0, 0))
        + raw[40:]
    )


class Segment(Told):
    """A segment by where its numbers lie in the windows of the moment."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.form = Form(draw)
        self.original = draw(st.booleans())
        self.flags = segments.flag_bits(draw(st.sampled_from(FLAGS)))
        self.base = draw(st.sampled_from([0, 0, 0, 1, 2, 3]))
        self.seq, self.ack = draw(near), draw(near)
        self.window = draw(st.sampled_from([0, 1, 1000, 65535]))
        self.size = draw(st.sampled_from([0, 0, 1, 100, 1400]))
        self.sacks = draw(st.lists(near, max_size=3))

    def arrive(self, twins: Twins, connection: Connection) -> str:
        way = connection.original if self.original else connection.reply
        sender, receiver = cast(Window, way.state), cast(Window, way.peer.state)
        seq = (sender.end, sender.maxend, receiver.maxack, sender.end - receiver.maxwin)[self.base] + self.seq
        ack = (receiver.end, receiver.end, sender.maxack, receiver.end - sender.maxwin)[self.base] + self.ack
        options = segments.sack([(ack, ack + edge) for edge in self.sacks]) if self.sacks else segments.timestamps()
        segment = segments.tcp(ports(way.key), seq, ack, self.flags, self.window, options, bytes(self.size))
        return twins.arrive(coming(twins, connection, self.original), self.form.raw(way.key, segment), self.form.mark)


class Datagram(Told):
    """A datagram, or a question or answer of ping."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.form = Form(draw)
        self.original = draw(st.booleans())
        self.size = draw(st.sampled_from([0, 1, 100, 1400]))

    def arrive(self, twins: Twins, connection: Connection) -> str:
        way = connection.original if self.original else connection.reply
        raw = self.form.raw(way.key, datagram(way.key, self.size))
        return twins.arrive(coming(twins, connection, self.original), raw, self.form.mark)


class Plain(Form):
    """As nearly every packet is."""

    def __init__(self) -> None:
        self.tos, self.hop_limit, self.mark, self.form = 0, 64, 0, "plain"


def ports(key: bytes) -> tuple[int, int]:
    return int.from_bytes(key[-4:-2], "big"), int.from_bytes(key[-2:], "big")


def datagram(key: bytes, size: int) -> bytes:
    if key[0] == UDP:
        return segments.udp(ports(key), bytes(size), checksum=1)
    return segments.icmp(key[-2], key[-1], ports(key)[0], bytes(size))


def coming(twins: Twins, connection: Connection, original: bool) -> str:
    """The zone that packets of a direction come from."""
    number = int(connection.zone_in if original else connection.zone_out)
    return next(zone for zone, one in twins.plain.zones.items() if one == number)
