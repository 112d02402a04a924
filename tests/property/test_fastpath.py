"""The program in the kernel against Python, on the same bytes: what it forwards is what Python would have let out.

Three oracles: scapy makes the translated packet anew; packet/rewrite translates what arbitrary mutations leave; the
TCP tracker judges every segment, and afterwards both have the same windows.
"""

from __future__ import annotations

from typing import cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conntrack.flow.connection import Connection
from conntrack.flow.pair import build, invert
from conntrack.gateway.fastpath.handover import signed, state_of
from conntrack.gateway.fastpath.layout import SET_DSCP
from conntrack.packet.checksum import ones_sum
from conntrack.packet.errors import Malformed
from conntrack.packet.header import ICMP, ICMPV6, TCP, UDP, WHOLE, Packet
from conntrack.packet.ipv6 import FRAGMENT
from conntrack.packet.parse import parse
from conntrack.packet.rewrite import deltas, set_tos, translate
from conntrack.tracker.base import ACCEPT
from conntrack.tracker.tcp import table
from conntrack.tracker.tcp.machine import TcpTracker
from conntrack.tracker.tcp.memory import Memory
from conntrack.tracker.tcp.window import Window
from tests import segments
from tests.golden.notation import describe
from tests.host import address
from tests.offload import Bench, bench, established, forwarded, liberal
from tests.property.packets import Pair, Recipe, recipes_and_pairs

USUAL = settings().max_examples  # a packet costs little here, so there are more of them
some = settings(max_examples=5 * USUAL, deadline=None, suppress_health_check=[HealthCheck.too_slow])
many = settings(max_examples=10 * USUAL, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SEQUENCE = st.integers(0, 2**32 - 1)


def key_of(packet: Packet) -> bytes:
    return bytes((int(packet.protocol), 0)) + packet.pair


def decoded(raw: bytes, verify: bool = True) -> Packet:
    packet = Packet()
    parse(raw, packet, verify)
    return packet


def by_form(packet: Packet) -> str:
    """What the packet's form alone decides: why it is punted, or "" if its flow is looked up."""
    if packet.options:  # of IPv6 the program looks at the first extension header only
        return "fragment" if packet.version == 6 and packet.raw[6] == FRAGMENT else "options"
    if packet.fragment != WHOLE:
        return "fragment"
    if packet.hop_limit <= 1:
        return "hop-limit"
    if packet.protocol == TCP:
        return "" if table.CLASSES[packet.flags] in (table.ACK, table.FIN, table.RST) else "syn"
    echoes = {ICMP: (0, 8), ICMPV6: (128, 129)}.get(int(packet.protocol))
    carried = packet.protocol == UDP or (echoes is not None and packet.raw[packet.transport] in echoes)
    return "" if carried else "not-carried"


def carry(table: Bench, packet: Packet, leaves: bytes, **fields: int) -> None:
    """Offers the packet's connection."""
    table.insert(key_of(packet), leaves, liberal() if packet.protocol == TCP else b"", **fields)


@some
@given(recipes_and_pairs(2), st.integers(0, 63) | st.none())
def test_translated_as_scapy_would_have_built_it(made: tuple[Recipe, list[Pair]], dscp: int | None) -> None:
    recipe, (old, new) = made
    if recipe.protocol in (ICMP, ICMPV6):
        new = Pair(new.source, new.destination, new.sport, old.dport)
    raw, wanted = recipe.build(old), recipe.build(new)
    packet = decoded(raw)
    leaves = decoded(wanted).pair
    bench_ = bench()
    flags = {"flags": SET_DSCP, "tos": dscp << 2} if dscp is not None else {}
    carry(bench_, packet, leaves, mark=7, **flags)
    sent = bench_.send(raw, mark=9)
    closing = packet.protocol == TCP and table.CLASSES[packet.flags] in (table.FIN, table.RST)
    punt = by_form(packet) or ("closing" if closing else "")
    assert sent.punt == (punt or "forwarded")
    if punt:
        assert (sent.raw, sent.mark) == (raw, 9)
        return
    if dscp is not None:
        wanted = set_tos(wanted, dscp << 2 | int(packet.tos) & 3)
    assert sent.raw == forwarded(wanted)
    assert sent.mark == 7
    assert "BAD CHECKSUM" not in describe(sent.raw) or packet.raw[packet.transport + 6 :][:2] == b"\0\0"


@some
@given(recipes_and_pairs(2), st.integers(0, 63) | st.none())
def test_at_the_driver_it_becomes_the_same_packet(made: tuple[Recipe, list[Pair]], dscp: int | None) -> None:
    recipe, (old, new) = made
    raw = recipe.build(old)
    packet = decoded(raw)
    leaves = decoded(recipe.build(new)).pair
    if recipe.protocol in (ICMP, ICMPV6):
        leaves = leaves[:-2] + packet.pair[-2:]
    bench_ = bench()
    carry(bench_, packet, leaves, **({"flags": SET_DSCP, "tos": dscp << 2} if dscp is not None else {}))
    at_driver, by_tc = bench_.drive(raw), bench_.send(raw)
    assert (at_driver.punt == "forwarded") == (by_tc.punt == "forwarded")
    assert at_driver.raw == by_tc.raw
    if by_tc.punt == "forwarded":
        flow = bench_.maps.look(key_of(packet))
        assert flow is not None
        assert (flow.packets, flow.octets) == (2, 2 * packet.length)


spoils = st.lists(st.tuples(st.integers(0, 79), st.integers(0, 255)), max_size=3)


@many
@given(recipes_and_pairs(2), spoils, st.binary(max_size=6), st.integers(0, 90), st.booleans())
def test_spoilt_bytes_pass_only_where_python_would_let_them(
    made: tuple[Recipe, list[Pair]], spoilt: list[tuple[int, int]], padding: bytes, cut: int, at_driver: bool
) -> None:
    """Headers with arbitrary bytes in them, padded or cut short: forwarded if and only if they decode to the flow."""
    recipe, (old, new) = made
    sound = recipe.build(old)
    leaves = decoded(recipe.build(new)).pair
    packet = decoded(sound)
    if packet.protocol in (ICMP, ICMPV6):
        leaves = leaves[:-2] + packet.pair[-2:]
    bench_ = bench()
    carry(bench_, packet, leaves)
    spoiling = bytearray(sound)
    for at, value in spoilt:
        spoiling[at % len(sound)] = value
    if packet.version == 4 and cut % 2:
        spoiling[10:12] = bytes(2)
        spoiling[10:12] = (0xFFFF - int(ones_sum(bytes(spoiling[:20])))).to_bytes(2, "big")
    raw = bytes(spoiling)[: max(40, len(sound) - max(0, cut - 60))] + padding  # a test run asks for an IP header
    wanted = as_python_has_it(raw, key_of(packet), leaves)
    version = int(packet.version)
    sent = bench_.drive(raw, version) if at_driver else bench_.send(raw, version=version)
    assert (sent.punt == "forwarded") == (wanted is not None)
    assert sent.raw == (raw if wanted is None else wanted)


def as_python_has_it(raw: bytes, key: bytes, leaves: bytes) -> bytes | None:
    """The packet translated, if it is one of the flow's in its original direction and the fast path is to carry it."""
    try:
        packet = decoded(raw, False)
    except Malformed:
        return None
    if by_form(packet) or key_of(packet) != key:
        return None
    if packet.protocol == TCP and table.CLASSES[packet.flags] != table.ACK:
        return None
    if packet.protocol == UDP and packet.version == 6 and raw[packet.transport + 6 :][:2] == bytes(2):
        return None
    return forwarded(translate(packet, leaves, *deltas(packet.protocol, packet.pair, leaves)))


CLIENT, SERVER, OUTSIDE = address("192.168.10.5"), address("203.0.113.77"), address("203.0.113.1")
KEY = build(TCP, CLIENT, SERVER, 40000, 443)
LEAVES = build(TCP, OUTSIDE, SERVER, 5000, 443)[2:]
REPLY = invert(KEY[:2] + LEAVES)
NOW = 1000.0

sizes = st.sampled_from([1, 2, 100, 65535, 65536, 66001, 1 << 20, 1 << 30, 2**31, 2**32 - 1]) | SEQUENCE
near = st.sampled_from([0, 0, 0, 1, 2, -1, -2, 100, -100, 1400, 65535, -66000, -66001, 2**31, 2**31 - 1]) | SEQUENCE
numbers = st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1]) | SEQUENCE


@st.composite
def connections(draw: st.DrawFn) -> Connection:
    """An established connection with any windows and any memory that could be."""
    connection = established(KEY, REPLY, NOW)
    windows = [cast(Window, side.state) for side in (connection.original, connection.reply)]
    for window in windows:
        window.end = signed(draw(numbers))
        window.maxwin = signed(draw(sizes))
        window.scale = draw(st.integers(0, 14))
        window.flags = draw(st.integers(0, 0x3F))
    for window, peer in (windows, windows[::-1]):
        window.maxend = signed(window.end + draw(near))
        window.maxack = signed(peer.end + draw(near))
    memory = cast(Memory, connection.tracking)
    memory.kind = draw(st.sampled_from([table.SYN, table.SYNACK, table.ACK]))
    memory.original = draw(st.booleans())
    memory.retransmissions = draw(st.sampled_from([0, 2, 254, 255]))
    return connection


class Segment:
    """A segment by where its numbers lie in the windows of the moment."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.original = draw(st.booleans())
        self.flags = draw(st.sampled_from(["A", "A", "A", "PA", "AU", "AE", "AC", "FA", "R", "RA"]))
        self.again = draw(st.integers(0, 5)) == 0  # the same as the last one
        self.at_driver = draw(st.integers(0, 3)) == 0
        self.base = draw(st.integers(0, 3))
        self.seq, self.ack = draw(near), draw(near)
        self.window = draw(st.sampled_from([0, 1, 1000, 65535]))
        self.size = draw(st.sampled_from([0, 0, 1, 100, 1400]))
        self.options = draw(st.sampled_from(["", "", "timestamps", "sack", "sacks", "any"]))
        self.edges = draw(st.lists(near, min_size=3, max_size=3))
        self.bytes = draw(st.binary(max_size=40)) if self.options == "any" else b""

    def raw(self, connection: Connection) -> bytes:
        sides = (connection.original, connection.reply)
        sender, receiver = (cast(Window, side.state) for side in (sides if self.original else sides[::-1]))
        seq = (sender.end, sender.maxend, receiver.maxack, sender.end - receiver.maxwin)[self.base] + self.seq
        ack = (receiver.end, receiver.end, sender.maxack, receiver.end - sender.maxwin)[self.base] + self.ack
        edges = [(ack, receiver.end + edge) for edge in self.edges]
        options = {
            "timestamps": segments.timestamps(),
            "sack": segments.sack(edges[:1]),
            "sacks": segments.timestamps() + segments.sack(edges),
        }.get(self.options, self.bytes)
        ends = (CLIENT, SERVER, 40000, 443) if self.original else (SERVER, OUTSIDE, 443, 5000)
        flags = segments.flag_bits(self.flags)
        return segments.ip(
            *ends[:2], TCP, segments.tcp(ends[2:], seq, ack, flags, self.window, options, bytes(self.size))
        )


scripts = st.lists(st.composite(Segment)(), min_size=1, max_size=12)


def without_control(state: bytes) -> bytes:
    return state[:61] + state[62:]


def judged_alike(bench_: Bench, tracker: TcpTracker, connection: Connection, segment: Segment, raw: bytes) -> bool:
    """One segment through both; whether the connection goes on in the fast path."""
    slot = connection_slot(bench_)
    before = state_of(connection)
    assert bench_.maps.state(slot) == before
    direction = connection.original if segment.original else connection.reply
    silent = cast(Window, direction.state).maxwin == 0
    sent = bench_.drive(raw) if segment.at_driver else bench_.send(raw)
    packet = decoded(raw, False)
    judgement = tracker.judge(packet, direction, NOW)
    if table.CLASSES[packet.flags] != table.ACK:
        assert sent.punt in ("closing", "left")
        assert without_control(bench_.maps.state(slot)) == without_control(before)
        return False
    if judgement != ACCEPT or silent:
        assert sent.punt in ("window", "left")
        assert sent.raw == raw
        assert bench_.maps.state(slot) == before
        return False
    assert sent.punt == "forwarded"
    assert bench_.maps.state(slot) == state_of(connection)
    leaves = LEAVES if segment.original else invert(KEY)[2:]
    assert sent.raw == forwarded(translate(packet, leaves, *deltas(TCP, packet.pair, leaves)))
    direction.packets += 1
    direction.octets += packet.length
    return True


def connection_slot(bench_: Bench) -> int:
    flow = bench_.maps.look(KEY)
    assert flow is not None
    return flow.slot


@many
@given(connections(), scripts)
def test_windows_are_the_trackers(connection: Connection, script: list[Segment]) -> None:
    bench_, tracker = bench(), TcpTracker()
    bench_.insert(KEY, LEAVES, state_of(connection))
    raw = b""
    segment, last = script[0], state_of(connection)
    for following in script:
        if not (following.again and raw):
            segment, raw = following, following.raw(connection)
        if not judged_alike(bench_, tracker, connection, segment, raw):
            break
        last = state_of(connection)
    recalled = bench_.maps.recall(KEY, REPLY)
    assert recalled is not None
    assert without_control(recalled.state) == without_control(last)
    for side, usage in ((connection.original, recalled.original), (connection.reply, recalled.reply)):
        assert (usage.packets, usage.octets) == (side.packets, side.octets)
